"""Hooks of a training run: its rolling checkpoint, its best iteration, its guard."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from mmengine.utils import apply_to

from ...models.utils.slim_checkpoint import (
    checkpoint_state_dict,
    frozen_fingerprints,
    slim_state_dict,
    write_checkpoint,
)
from ...utils.errors import ConfigError, MERDataError, MERRunError
from ...utils.files import atomic_write
from ..runners.seeding import seed_model_stream
from .best_checkpoint import BestCheckpoint
from .save_interval import SavingClock


@HOOKS.register_module()
class SlimCheckpointHook(Hook):
    """Keep one rolling training state, ``last.pth``, from which a run resumes.

    It holds the slim model, optimizer, schedulers and log, and is replaced
    atomically. It is written between two iterations, after a validation
    that was due; with a loop over epochs, between two epochs, since mmengine
    resumes such a loop at no other place. Checkpoints of mmengine's own
    ``CheckpointHook`` become slim beside it.

    It is written after ``interval`` iterations or ``seconds``, whichever comes first,
    as far as ``share`` allows, but at least once a minute
    (:class:`~mmaction_mer.engine.hooks.save_interval.SavingClock`), and at the end.

    Args:
        interval: Iterations between two writes.
        filename: Name of the file in the work directory.
        seconds: Seconds between two writes.
        share: Share of the time that writing may take; None for any.
        save_best: Score of the validation, such as ``'mer/uf1'``, whose best model is
            kept beside, slim too; see
            :class:`~mmaction_mer.engine.hooks.best_checkpoint.BestCheckpoint`.
        rule: ``'greater'`` or ``'less'`` where the name of the score does not say it.
        others: Refused by name: there is one rolling state.

    Raises:
        ConfigError: What was frozen changed during training, ``save_best`` names no
            score, or the hook is given what it does not know.
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
                f'SlimCheckpointHook does not know {", ".join(sorted(others))}: it '
                f"keeps one rolling state and, by save_best, the best; mmengine's "
                f'CheckpointHook can stand in custom_hooks beside it'
            )
        self.best = None if save_best is None else BestCheckpoint(save_best, rule)
        self.filename = filename
        self.clock = SavingClock(interval, seconds, share)
        self.fingerprints: dict[str, torch.Tensor] | None = None
        self._seconds = 0.0
        self._started = 0.0

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take up the clock of the run that was cut."""
        if runner._resume:
            self._seconds = checkpoint['meta'].get('seconds', 0.0)

    def before_train(self, runner) -> None:
        """Note what is frozen, and where the run stands."""
        self.fingerprints = frozen_fingerprints(runner.model)
        self.clock.start(runner.iter)
        self._started = time.monotonic()
        if self.best is not None:
            self.best.start(runner)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Save when it is time."""
        may_save = isinstance(runner.train_loop, IterBasedTrainLoop) or batch_idx == 0
        if may_save and _nothing_waits(runner) and self.clock.due(runner.iter):
            self._save(runner)

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Keep the best model, and a state that knows which it is."""
        # Not where a validation was asked for alone.
        if self.best is None or self.fingerprints is None:
            return
        if self.best.compare(runner, metrics) and _nothing_waits(runner):
            self._save(runner)

    def after_train(self, runner) -> None:
        """Save the end state, and see that frozen stayed frozen."""
        now = frozen_fingerprints(runner.model)
        for key, before in (self.fingerprints or {}).items():
            if key not in now or not torch.equal(before, now[key]):
                raise ConfigError(
                    f'what is frozen in {type(runner.model).__name__} changed during '
                    f'training ({key}): a layer keeps statistics, or something was '
                    f'frozen or unfrozen on the way; keep frozen layers in eval mode'
                )
        self._save(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Make the model's part of any checkpoint slim."""
        checkpoint['state_dict'] = checkpoint_state_dict(
            runner.model, self.fingerprints
        )

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all sittings."""
        return self._seconds + time.monotonic() - self._started

    def _save(self, runner) -> None:
        # A fold is a process alone; ranks that train one model hold the same.
        if runner.distributed and not is_main_process():
            return
        with self.clock.saving(runner.iter):
            state = training_state(runner)
            state['meta']['seconds'] = self.seconds
            path = Path(runner.work_dir, self.filename)
            write_checkpoint(path, state)
            # Where mmengine's own --resume looks for the latest checkpoint.
            atomic_write(path.with_name('last_checkpoint'), str(path))


def _nothing_waits(runner) -> bool:
    """Tell whether no gradients wait for more batches: no state would hold them."""
    every = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    return runner.iter % every == 0


class BestIterationHook(Hook):
    """Keep the weights of the iteration that validates best.

    The first of equals wins. What is kept travels in the training state, so that
    a resumed run picks the same iteration.

    The measure is UF1, of whatever prefix.
    """

    def __init__(self) -> None:
        self.best: dict[str, Any] | None = None

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Compare this validation with the best so far."""
        metrics = metrics or {}
        key = next((key for key in metrics if key.endswith('/uf1')), None)
        if key is None:
            raise MERRunError(f'validation gives no uf1, only {sorted(metrics)}')
        value = float(metrics[key])
        if self.best is None or value > self.best['value']:
            weights = slim_state_dict(runner.model)
            self.best = dict(value=value, iteration=runner.iter, state_dict=weights)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Put the best into the training state."""
        checkpoint['best'] = self.best

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take the best out of the training state."""
        if runner._resume:
            self.best = checkpoint.get('best')


class ModelStreamHook(Hook):
    """Start the model's random stream anew with every iteration, see ``draws.py``.

    Args:
        seed: Seed of the run.
    """

    priority = 'LOWEST'

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Seed the streams by the iteration's number."""
        seed_model_stream(self.seed, runner.iter)


class SubjectGuardHook(Hook):
    """See on the data sets themselves that no subject is on both sides.

    Args:
        held_out: The subjects that the fold tests on.
    """

    def __init__(self, held_out: Collection[str]) -> None:
        self.held_out = set(held_out)

    def before_train(self, runner) -> None:
        """Compare what is trained on with what is tested and validated on."""
        training = set(clip_subjects(runner.train_dataloader.dataset))
        check_subjects(training & self.held_out, 'trained on and held out')
        if runner.val_loop is not None:
            validation = set(clip_subjects(runner.val_dataloader.dataset))
            check_subjects(training & validation, 'trained on and validated on')

    def before_test(self, runner) -> None:
        """Compare what is tested on with what is held out."""
        tested = set(clip_subjects(runner.test_dataloader.dataset))
        check_subjects(tested - self.held_out, 'tested on and not held out')


class SubjectLeakage(ConfigError, MERDataError):
    """Subjects on both sides of a fold: no fold of such a config may be trained."""


def check_subjects(subjects: set[str], what: str) -> None:
    """Refuse subjects that a data set holds where it must not.

    Raises:
        SubjectLeakage: There are such subjects.
    """
    if subjects:
        raise SubjectLeakage(
            f'subject(s) {", ".join(sorted(subjects))} would be {what}: the data '
            f'set of the config does not follow held_out, inner and side'
        )


def clip_subjects(dataset: Any) -> list[str]:
    """List the subject of each clip that a data set really holds."""
    return [dataset.get_data_info(index)['subject'] for index in range(len(dataset))]


def clip_datasets(dataset: Any) -> list[str] | None:
    """List the data set that each clip is from; None where clips do not say it."""
    rows = [dataset.get_data_info(index) for index in range(len(dataset))]
    names = [row.get('dataset') for row in rows]
    return None if None in names else names


def training_state(runner) -> dict[str, Any]:
    """Collect all that a training run needs to go on, in mmengine's own form.

    Args:
        runner: An mmengine runner between two iterations.

    Returns:
        A checkpoint that ``runner.resume`` reads.
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
