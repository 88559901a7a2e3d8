"""Where folds begin or go on: built as a fold alone is built, or read from disk."""

from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from torch import Tensor

from ....models.utils.slim_checkpoint import frozen_fingerprint, load_slim
from ....utils.errors import MERRunError
from ...runners.fold_runner import FoldRunner
from ...runners.tasks import FoldTask
from .fold_stack import copy_of_learning
from .stack_file import Standing


@dataclass(frozen=True)
class Start:
    """Where a fold begins, or goes on.

    Attributes:
        iteration: Iterations done.
        learned: What learns, by name.
        optimizer: State of its optimizer, None at the beginning.
        schedulers: States of its schedulers, alike.
        seconds: What the iterations done took.
        best: The best iteration so far, where one is chosen by validation.
    """

    iteration: int
    learned: dict[str, Tensor]
    optimizer: dict[str, Any] | None = None
    schedulers: list[dict[str, Any]] | None = None
    seconds: float = 0.0
    best: dict[str, Any] | None = None


def without_workers(cfg: Config) -> Config:
    """Keep a fold's loaders from starting workers: clips come from the table."""
    loaders = (cfg.train_dataloader, cfg.test_dataloader, cfg.get('val_dataloader'))
    for loader in filter(None, loaders):
        loader.update(num_workers=0, persistent_workers=False)
        loader.pop('prefetch_factor', None)
    return cfg


def open_runner(cfg: Config) -> FoldRunner:
    """Build a fold's runner up to where its loop would begin, as ``train`` does."""
    runner = FoldRunner.from_cfg(cfg)
    try:
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        if runner.param_schedulers is not None:
            runner.param_schedulers = runner.build_param_scheduler(
                runner.param_schedulers
            )
        runner._init_model_weights()
        runner.load_or_resume()
    except BaseException:
        runner.close()
        raise
    return runner


def birth(job: FoldTask) -> tuple[Start, str]:
    """First weights of a job's seed, and a digest of what is frozen under it."""
    runner = open_runner(without_workers(job.config()))
    try:
        frozen = frozen_fingerprint(runner.model).tolist()
        return Start(0, copy_of_learning(runner.model)), bytes(frozen).hex()
    finally:
        runner.close()


def resumed(standing: Standing, runner: FoldRunner) -> Start:
    """Read where a fold stands.

    Args:
        standing: Which state, of which file.
        runner: Whose model the state is read through, as a check of what is frozen.

    Raises:
        MERRunError: The state cannot be read, is none of this config or does not fit
            the model.
    """
    state = standing.state()
    assert standing.path is not None
    runner.check_state(state, standing.path, standing.remedy)
    try:
        load_slim(runner.model, state['state_dict'])
    except MERRunError as error:
        raise MERRunError(f'{standing.path}: {error}') from error
    return Start(
        state['meta']['iter'],
        copy_of_learning(runner.model),
        state['optimizer'],
        state['param_schedulers'],
        state['meta'].get('seconds', 0.0),
        state.get('best'),
    )
