"""A training step of all folds at once, against what the machine can do."""

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine import LOSORunner
from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.strategies.stacking.clip_table import Tables
from mmaction_mer.engine.strategies.stacking.fold_stack import total_loss
from mmaction_mer.engine.strategies.stacking.sizing import out_of_memory
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer


def matrix_rate(device: torch.device, precision: torch.dtype) -> float:
    """Operations per second of a large matrix product, the best of several."""
    size = 8192 if device.type == 'cuda' else 2048
    a, b = (torch.randn(size, size, device=device, dtype=precision) for _ in 'ab')
    best = min(seconds_of(lambda: a @ b, device) for _ in range(8))
    return 2 * size**3 / best


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Time some work, the device's queue included."""
    if device.type == 'cuda':
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.type == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter() - started


def open_group(cfg: Config, work_dir: Path) -> StackedTrainer:
    """Open all folds of a config as one stack, from nothing."""
    shutil.rmtree(work_dir, ignore_errors=True)
    cfg = Config(cfg.to_dict())
    cfg.work_dir = str(work_dir)
    runner = LOSORunner.from_cfg(cfg)
    tasks = [FoldTask(runner.runs[0], fold) for fold in runner.plan.wanted]
    return StackedTrainer(tasks, Tables(), {})


def training_share(cfg: Config, work_dir: Path, steps: int = 6) -> dict[str, Any]:
    """Compare a stacked training step with what a matrix product reaches.

    Its operations are those of a fold alone, attention counted, times the folds. With
    them comes what ``torch.compile`` makes of the step: seconds of the first one and of
    the others, or None where it does not compile.

    Raises:
        StackingNotSupportedError: These folds are not trained in one pass.
        RuntimeError: So many folds do not fit, see ``out_of_memory``.
    """
    with open_group(cfg, work_dir) as group:
        model, wrapper = group.runner.model, group.runner.optim_wrapper
        group.folds_that_fit()
        group.try_step()

        def step(number: int) -> None:
            number %= group.iterations
            losses = group.compute_losses(number, *group.draw(number))
            wrapper.update_params(losses.sum())

        def timed(number: int) -> float:
            return seconds_of(lambda: step(number), group.device)

        def measure() -> tuple[float, float]:
            first, _ = timed(0), timed(1)
            return first, statistics.median(map(timed, range(steps)))

        _, took = measure()
        plain = group.stack.losses
        group.stack.losses = torch.compile(plain, dynamic=False)
        try:
            compiled = [round(seconds, 4) for seconds in measure()]
        except RuntimeError as error:  # there may be no compiler
            if out_of_memory(error):
                raise
            compiled = None
        group.stack.losses = plain
        counter = FlopCounterMode(display=False)
        with sdpa_kernel(SDPBackend.MATH), counter:
            batch = group.table.batch(group.batches[0, 0].tolist())
            with wrapper.optim_context(model):
                data = model.data_preprocessor(batch, True)
                parts = model(**data, mode='loss')
            total_loss(parts).backward()
        work = counter.get_total_flops() * len(group.tasks)
        precision = group.precision()
        best = matrix_rate(group.device, precision)
        return dict(
            folds=len(group.tasks),
            seconds=round(took, 4),
            compiled=compiled,
            rate=round(work / took),
            matrix_rate=round(best),
            share=round(work / took / best, 4),
            precision=str(precision).removeprefix('torch.'),
        )
