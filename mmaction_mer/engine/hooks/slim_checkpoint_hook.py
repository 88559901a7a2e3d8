"""The rolling training state of a run, as a hook."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from mmengine.utils import apply_to
from torch import nn

from ...models.utils.slim_checkpoint import (
    checkpoint_state_dict,
    frozen_fingerprints,
    write_checkpoint,
)
from ...utils.errors import ConfigError
from ...utils.files import atomic_write
from .best_checkpoint import BestCheckpoint
from .save_interval import SaveTimer


@HOOKS.register_module()
class SlimCheckpointHook(Hook):
    """Keep one rolling training state, ``last.pth``, from which a run resumes.

    It contains the slim model, the optimizer, the schedulers, and the log, and is
    replaced atomically. It is written between two iterations, after a validation that
    is due there; with a loop over epochs it is written between two epochs, since
    mmengine resumes such a loop only there. If mmengine's own ``CheckpointHook`` is
    used as well, its checkpoints become slim too.

    It is written after ``interval`` iterations or ``seconds``, whichever comes first,
    as far as ``share`` allows, but at least once a minute
    (:class:`~mmaction_mer.engine.hooks.save_interval.SaveTimer`), and at the end.

    Args:
        interval: Iterations between two writes. Defaults to 100.
        filename: Name of the file in the work directory. Defaults to 'last.pth'.
        seconds: Seconds between two writes. Defaults to 30.0.
        share: Fraction of the time that writing may take; None for any. Defaults to
            0.05.
        save_best: Validation score, such as ``'mer/uf1'``, whose best model is kept in
            a separate file, slim too; see
            :class:`~mmaction_mer.engine.hooks.best_checkpoint.BestCheckpoint`.
            Defaults to None.
        rule: ``'greater'`` or ``'less'``, if the name of the score does not tell.
            Defaults to None.
        **others: Rejected by name: there is only one rolling state.

    Raises:
        ConfigError: Frozen weights changed during training, ``save_best`` is not a
            score, or there is an unknown argument.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        interval: int = 100,
        filename: str = 'last.pth',
        seconds: float = 30.0,
        share: float | None = 0.05,
        save_best: str | Sequence[str] | None = None,
        rule: str | Sequence[str] | None = None,
        **others: Any,
    ) -> None:
        if others:
            raise ConfigError(
                f'SlimCheckpointHook has no argument {", ".join(sorted(others))}',
                hint='it keeps one rolling state and, with save_best, the best model; '
                "mmengine's CheckpointHook can be used beside it in custom_hooks",
            )
        self.best = None if save_best is None else BestCheckpoint(save_best, rule)
        self.filename = filename
        self.timer = SaveTimer(interval, seconds, share)
        self.fingerprints: dict[str, torch.Tensor] | None = None
        self._seconds = 0.0
        self._started = 0.0

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Continue the time measurement of the interrupted run."""
        if runner._resume:
            self._seconds = checkpoint['meta'].get('seconds', 0.0)

    def before_train(self, runner) -> None:
        """Hash the frozen weights, and start the timer."""
        self.fingerprints = frozen_fingerprints(runner.model)
        self.timer.start(runner.iter)
        self._started = time.monotonic()
        if self.best is not None:
            self.best.start(runner)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Save the state if it is due."""
        may_save = isinstance(runner.train_loop, IterBasedTrainLoop) or batch_idx == 0
        if may_save and _no_pending_gradients(runner) and self.timer.due(runner.iter):
            self._save(runner)

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Save the model if it is the best so far, and the state with it."""
        # Not in a validation without a training.
        if self.best is None or self.fingerprints is None:
            return
        if self.best.compare(runner, metrics) and _no_pending_gradients(runner):
            self._save(runner)

    def after_train(self, runner) -> None:
        """Check that frozen weights did not change, and save the final state."""
        check_unchanged(runner.model, self.fingerprints)
        self._save(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Replace the model's part of a checkpoint by the slim one."""
        checkpoint['state_dict'] = checkpoint_state_dict(
            runner.model, self.fingerprints
        )

    @property
    def seconds(self) -> float:
        """Seconds of training so far, including those before a resume."""
        return self._seconds + time.monotonic() - self._started

    def _save(self, runner) -> None:
        # Ranks that train one model together have the same state.
        if runner.distributed and not is_main_process():
            return
        with self.timer.saving(runner.iter):
            state = training_state(runner)
            state['meta']['seconds'] = self.seconds
            path = Path(runner.work_dir, self.filename)
            write_checkpoint(path, state)
            # The file in which mmengine's --resume looks up the latest checkpoint.
            atomic_write(path.with_name('last_checkpoint'), str(path))


def _no_pending_gradients(runner) -> bool:
    """Return whether no accumulated gradients would be lost between two states."""
    every = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    return runner.iter % every == 0


def check_unchanged(
    model: nn.Module, fingerprints: Mapping[str, torch.Tensor] | None
) -> None:
    """Check that the frozen weights of a model are those of earlier fingerprints.

    Args:
        model: The model.
        fingerprints: From :func:`frozen_fingerprints`; None if there are none.

    Raises:
        ConfigError: They have changed.
    """
    now = frozen_fingerprints(model)
    for key, before in (fingerprints or {}).items():
        if key not in now or not torch.equal(before, now[key]):
            raise ConfigError(
                f'frozen weights of {type(model).__name__} changed during training '
                f'({key})',
                hint='a layer updates its statistics, or was frozen or unfrozen during '
                'training: keep frozen layers in eval mode',
            )


def training_state(runner) -> dict[str, Any]:
    """Collect the state from which a training resumes, in mmengine's format.

    Args:
        runner: An mmengine runner between two iterations.

    Returns:
        A checkpoint for ``runner.resume``.
    """
    schedulers = runner.param_schedulers
    if isinstance(schedulers, dict):
        schedulers = {
            name: [scheduler.state_dict() for scheduler in group]
            for name, group in schedulers.items()
        }
    else:
        schedulers = [scheduler.state_dict() for scheduler in schedulers or []]
    meta = dict(
        epoch=runner.epoch,
        iter=runner.iter,
        seed=runner.seed,
        experiment_name=runner.experiment_name,
        fold=runner.cfg.get('experiment_name'),
        mmengine_version=mmengine.__version__,
        dataset_meta=getattr(runner.train_dataloader.dataset, 'metainfo', None),
    )
    state = dict(
        meta=meta,
        state_dict=runner.model.state_dict(),
        message_hub=runner.message_hub.state_dict(),
        optimizer=runner.optim_wrapper.state_dict(),
        param_schedulers=schedulers,
    )
    runner.call_hook('before_save_checkpoint', checkpoint=state)
    return apply_to(state, lambda value: hasattr(value, 'cpu'), lambda x: x.cpu())
