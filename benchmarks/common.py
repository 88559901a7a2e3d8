"""What the benchmarks share: the machine's name, tables, clocks and made-up data."""

import os
import platform
import shutil
import statistics
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.datasets import write_annotation
from mmaction_mer.datasets.clip_cache import write_store
from mmaction_mer.engine import LOSORunner
from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.strategies.stacking.clip_table import Tables
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer


def make_parser(description: str | None) -> ArgumentParser:
    """Make a parser that shows a module's docstring as it is."""
    return ArgumentParser(
        description=description, formatter_class=RawDescriptionHelpFormatter
    )


def machine() -> str:
    """Return the name of the GPU, or of the processor and its cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.partition(': ')[2] for line in lines if line.startswith('model name')]
    cores = len(os.sched_getaffinity(0))
    return f'{names[0] if names else platform.machine()}, {cores} core(s)'


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table as Markdown, numbers at the right."""
    print(f'| {" | ".join(header)} |')
    print('|---' + '|---:' * (len(header) - 1) + '|')
    for row in rows:
        print(f'| {" | ".join(map(str, row))} |')


def seconds_of(work: Callable[[], object]) -> float:
    """Time some work, including what it queues on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw a smooth picture ``(height, width, 3)``, uint8."""
    coarse = rng.integers(256, size=(height // 8, width // 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def make_release(
    root: Path, clips: int = 247, subjects: int = 26, size: int = 224, length: int = 16
) -> Path:
    """Write clips of moving textures in the form of CASME II, with a clip store.

    Args:
        root: Where to write; a complete release there is kept.
        clips: Number of clips, at least three per subject.
        subjects: Number of subjects, who have different numbers of clips.
        size: Side of the frames in pixels.
        length: Frames of a clip.

    Returns:
        ``root``.
    """
    if (root / 'store').is_dir():
        return root
    rng = np.random.default_rng(0)
    owners = [*range(subjects)] * 2
    owners += rng.integers(subjects, size=clips - len(owners)).tolist()
    rows = []
    for number, owner in enumerate(owners):
        folder = root / 'frames' / f'c{number}'
        folder.mkdir(parents=True, exist_ok=True)
        still = texture(rng, size, size)
        for frame in range(1, length + 1):
            moved = np.roll(still, frame // 4, axis=1)
            cv2.imwrite(str(folder / f'{frame}.jpg'), moved)
        row = dict(dataset='casme2', subject=f'sub{owner:02d}', clip=f'c{number}')
        row.update(frame_dir=f'c{number}', filename_tmpl='{}.jpg', fps=200.0)
        rows.append(row | dict(onset=1, apex=None, offset=length, label=number % 5))
    classes = ['happiness', 'disgust', 'repression', 'surprise', 'others']
    metainfo = dict(dataset='casme2', classes=classes)
    write_annotation(root / 'annotations.json', dict(metainfo=metainfo, data_list=rows))
    write_store(root / 'store', rows, root / 'frames', progress=False)
    return root


def use_release(cfg: Config, root: Path) -> None:
    """Let a config read a release of :func:`make_release`."""
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.update(data_root=str(root), data_prefix=dict(img='frames'))


def open_group(cfg: Config, work_dir: Path) -> StackedTrainer:
    """Open all folds of a config as one stack, from the start."""
    shutil.rmtree(work_dir, ignore_errors=True)
    cfg = Config(cfg.to_dict())
    cfg.work_dir = str(work_dir)
    runner = LOSORunner.from_cfg(cfg)
    jobs = [FoldTask(runner.runs[0], fold) for fold in runner.plan.wanted]
    return StackedTrainer(jobs, Tables(), {})


def seconds_per_step(group: StackedTrainer, steps: int) -> float:
    """Return the median time in which all folds of a group train one iteration."""
    wrapper = group.runner.optim_wrapper

    def step(number: int) -> None:
        losses = group.compute_losses(number, *group.draw(number))
        wrapper.update_params(losses.sum())

    group.folds_that_fit()
    numbers = [number % group.iterations for number in range(2 + steps)]
    # The first two warm up.
    return statistics.median([seconds_of(partial(step, n)) for n in numbers][2:])
