"""The state of a fold from which its training starts: initial, or read from a file."""

from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from torch import Tensor

from ....models.utils.slim_checkpoint import frozen_fingerprint, load_slim
from ....utils.errors import MERRunError
from ...runners.fold_runner import FoldRunner
from ...runners.tasks import FoldTask
from .fold_stack import copy_trainable
from .stack_file import StoredState


@dataclass(frozen=True)
class FoldState:
    """The state of a fold between two iterations.

    Attributes:
        iteration: Number of iterations done.
        parameters: The trainable parameters by name.
        optimizer: State of the optimizer; None for an initial state.
        schedulers: States of the schedulers; None for an initial state.
        seconds: Wall time of the iterations done.
        best: The best iteration so far; None if none is selected by validation.
    """

    iteration: int
    parameters: dict[str, Tensor]
    optimizer: dict[str, Any] | None = None
    schedulers: list[dict[str, Any]] | None = None
    seconds: float = 0.0
    best: dict[str, Any] | None = None


def without_workers(cfg: Config) -> Config:
    """Remove the workers of a fold's data loaders: the clip table loads the clips."""
    loaders = (cfg.train_dataloader, cfg.test_dataloader, cfg.get('val_dataloader'))
    for loader in filter(None, loaders):
        loader.update(num_workers=0, persistent_workers=False)
        loader.pop('prefetch_factor', None)
    return cfg


def prepare_runner(cfg: Config) -> FoldRunner:
    """Build all parts of a fold's runner, as ``train`` does before it runs its loop."""
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


def initial_state(task: FoldTask) -> tuple[FoldState, str]:
    """Build the initial state of a task's seed, and a digest of its frozen weights."""
    runner = prepare_runner(without_workers(task.config()))
    try:
        frozen = frozen_fingerprint(runner.model).tolist()
        return FoldState(0, copy_trainable(runner.model)), bytes(frozen).hex()
    finally:
        runner.close()


def load_state(stored: StoredState, runner: FoldRunner) -> FoldState:
    """Load the stored state of a fold.

    Args:
        stored: The stored state.
        runner: A runner of the same config. The state is loaded into its model, which
            checks that the frozen weights are the same.

    Raises:
        MERRunError: The state cannot be read, belongs to another config, or does not
            fit the model.
    """
    state = stored.load()
    assert stored.path is not None
    runner.check_state(state, stored.path, stored.remedy)
    try:
        load_slim(runner.model, state['state_dict'])
    except MERRunError as error:
        raise MERRunError(str(error), path=stored.path) from error
    return FoldState(
        state['meta']['iter'],
        copy_trainable(runner.model),
        state['optimizer'],
        state['param_schedulers'],
        state['meta'].get('seconds', 0.0),
        state.get('best'),
    )
