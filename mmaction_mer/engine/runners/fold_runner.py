"""One fold: train, choose, test, leave a complete folder."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ...evaluation.summary import SELECTIONS
from ...models.utils.complexity import count_parameters
from ...models.utils.slim_checkpoint import (
    checkpoint_state_dict,
    load_slim,
    read_checkpoint,
    write_checkpoint,
)
from ...utils.checkpoints.reading import check_training_state
from ...utils.errors import ConfigError, DivergedError, MERDataError, MERRunError
from ..hooks.divergence import DivergenceHook, divergence_named
from ..hooks.slim_checkpoint_hook import (
    BestIterationHook,
    ModelStreamHook,
    SlimCheckpointHook,
    SubjectGuardHook,
)
from ..work_dir.fold_folder import LAST, REMEDY, FoldFolder, check_owner
from .prediction_ids import check_predictions
from .seeding import seed_draws


class FoldRunner(Runner):
    """mmengine's runner for a process that runs many folds.

    It differs in four things: the console stays quiet (the log file says all),
    draws are numbered and seeded (``draws.py``), checkpoints are read as weights
    only and strictly, and :meth:`close` leaves nothing of it in the process.
    """

    # Logs lie in the fold's folder itself rather than in one folder per start.
    @property
    def _log_dir(self) -> str:
        return self._work_dir

    @_log_dir.setter
    def _log_dir(self, _: str) -> None: ...

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger; only warnings reach the console."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                # On a full disk each line would be a traceback; other writes say it.
                handler.handleError = lambda record: None
            else:
                handler.setLevel(self.cfg.get('console_level', 'WARNING'))
                handler.addFilter(say_once)
                handler.setStream(_AboveTheBar())
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the model; what the config gets wrong is named."""
        with _building('model'):
            return super().build_model(model)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer; what the config gets wrong is named."""
        with _building('optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def build_train_loop(self, loop: Any) -> Any:
        """Build the training loop; what the config gets wrong is named."""
        with _building('train_cfg'):
            return super().build_train_loop(loop)

    def build_evaluator(self, evaluator: Any) -> Any:
        """Build an evaluator; what the config gets wrong is named."""
        with _building('evaluator'):
            return super().build_evaluator(evaluator)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedule; what the config gets wrong is named."""
        with _building('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register the hooks; what the config gets wrong is named."""
        with _building('hooks'):
            super().register_hooks(*args, **kwargs)

    def build_dataloader(
        self, dataloader: DataLoader | dict, seed: int, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a data loader whose draws are numbered and seeded."""
        with _building('dataloader'):
            loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        return seed_draws(loader, seed, dataloader is self._train_dataloader)

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: list = [(r'^module\.', '')],  # noqa: B006, as in mmengine
    ) -> dict[str, Any]:
        """Read a checkpoint of ours; or, not ``strict``, any that mmengine reads."""
        if not strict:
            return super().load_checkpoint(filename, map_location, False, revise_keys)
        path = Path(filename)
        ours = FoldFolder(path.parent).state_file.is_file()
        checkpoint = read_checkpoint(path, map_location, REMEDY if ours else '')
        if ours and path.name == LAST:
            check_owner(FoldFolder(path.parent), checkpoint)
            self.check_state(checkpoint, path, REMEDY)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        _load_strictly(self.model, checkpoint, path)
        self._has_loaded = True
        self.logger.info(f'loaded {path}')
        return checkpoint

    def check_state(self, checkpoint: dict[str, Any], path: Path, remedy: str) -> None:
        """Check that a training state is one of this config.

        Args:
            checkpoint: The state.
            path: Its file, for the message.
            remedy: What the message advises.

        Raises:
            MERRunError: It is none.
        """
        check_training_state(checkpoint, str(path), remedy)
        schedulers = self.param_schedulers or []
        if isinstance(schedulers, list):
            found = checkpoint.get('param_schedulers')
            alike = isinstance(found, list) and len(found) == len(schedulers)
        else:
            alike = isinstance(checkpoint.get('param_schedulers'), dict | list)
        iteration = checkpoint['meta']['iter']
        if not isinstance(checkpoint.get('optimizer'), dict) or not alike:
            raise MERRunError(
                f'{path}: lacks the state of the optimizer or of its schedules; '
                f'{remedy}'
            )
        if iteration > self.max_iters:
            raise MERRunError(
                f'{path}: is at iteration {iteration} of {self.max_iters}; {remedy}'
            )

    def load_or_resume(self) -> None:
        """Resume the fold, or start it from weights that the user names."""
        if self._has_loaded or self._load_from is None:
            return
        if self._resume:
            self.resume(self._load_from)
        else:
            self.load_checkpoint(self._load_from, strict=False)

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Resume training; draws that were trained on are counted, not loaded."""
        super().resume(filename, *args, **kwargs)
        draws = self.train_dataloader.batch_sampler
        if isinstance(self.train_loop, IterBasedTrainLoop):
            draws.skip_before = self.iter
        else:
            draws.batch = self.iter

    def hook(self, kind: type) -> Any:
        """Find a hook by its class; None if there is none."""
        return next((hook for hook in self.hooks if isinstance(hook, kind)), None)

    def close(self) -> None:
        """Stop the workers, close the log, and forget mmengine's global objects."""
        self._train_loop = self._val_loop = self._test_loop = None
        for handler in self.logger.handlers:
            handler.close()
        for part in (
            self.logger, self.message_hub, self.visualizer, self.default_scope
        ):  # fmt: skip
            for kind in type(part).__mro__:
                vars(kind).get('_instance_dict', {}).pop(part.instance_name, None)


def train_fold(
    cfg: Config,
    folder: FoldFolder,
    details: dict[str, Any],
    select: str,
    strategy: str = 'sequential',
) -> None:
    """Train and test a fold, or finish one that was cut.

    Args:
        cfg: The fold's config (``fold_config``).
        folder: Its folder.
        details: What ``fold.json`` shall say: ``held_out``, ``fingerprint``, ...
        select: Which iteration counts: ``'last'``, or the best on the validation
            that ``cfg`` describes.
        strategy: What ``fold.json`` shall say of how the fold was trained.

    Raises:
        DivergedError: Training diverged; the folder says so, and keeps nothing else.
        MERRunError: The training state cannot be read, or predictions do not name
            their clips.
        MERDataError: The data cannot be used.
    """
    try:
        _train_fold(cfg, folder, details, select, strategy)
    except DivergedError as error:
        folder.diverge(error.iteration)
        raise


def _train_fold(
    cfg: Config,
    folder: FoldFolder,
    details: dict[str, Any],
    select: str,
    strategy: str,
) -> None:
    if folder.begin(details):
        cfg.update(resume=True, load_from=str(folder.last))
    runner = FoldRunner.from_cfg(cfg)
    try:
        runner.register_hook(SubjectGuardHook(details['held_out']))
        runner.register_hook(ModelStreamHook(runner.seed))
        runner.register_hook(DivergenceHook(folder.name))
        if select != 'last':
            runner.register_hook(BestIterationHook())
        with divergence_named(folder.name, runner):
            runner.train()
        iteration, chosen = runner.iter, {}
        if select != 'last':
            best = runner.hook(BestIterationHook).best
            iteration, chosen = load_best(runner.model, best, select)
        batch = runner.train_dataloader.batch_sampler.batch_size
        facts = {
            'iteration': iteration,
            **chosen,
            'strategy': strategy,
            'wall_time_s': round(runner.hook(SlimCheckpointHook).seconds, 3),
            'clips_trained': runner.iter * batch,
        }
        finish_fold(runner, folder, details, facts, runner.test)
    finally:
        runner.close()


def load_best(
    model: nn.Module, best: dict[str, Any] | None, select: str
) -> tuple[int, dict[str, Any]]:
    """Load the weights of a fold's best iteration.

    Args:
        model: Gets the weights.
        best: What :class:`BestIterationHook` has kept.
        select: On whom it was chosen.

    Returns:
        The iteration, and what ``fold.json`` says of its choice.

    Raises:
        ConfigError: No validation was ever due.
    """
    if best is None:
        raise ConfigError(
            f'selection {select!r} needs a validation, but train_cfg never '
            f'came to one: check val_begin and val_interval'
        )
    load_slim(model, best['state_dict'])
    chosen = {'chosen_by_uf1': best['value'], 'chosen_on': SELECTIONS[select]}
    return best['iteration'], chosen


def finish_fold(
    runner: FoldRunner,
    folder: FoldFolder,
    details: dict[str, Any],
    facts: dict[str, Any],
    test: Callable[[], Any],
) -> None:
    """Save a trained model, score it, and mark its fold as done.

    Args:
        runner: The runner that holds the model.
        folder: The folder of the fold.
        details: What ``fold.json`` says already.
        facts: What it shall say besides, of the training.
        test: Scores the model and writes the predictions.

    Raises:
        DivergedError: Scores of held-out clips are not finite.
        ConfigError: Predictions do not name their clips.
    """
    fingerprints = runner.hook(SlimCheckpointHook).fingerprints
    weights = checkpoint_state_dict(runner.model, fingerprints)
    metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', {})
    meta = dict(details, iteration=facts['iteration'], dataset_meta=metainfo)
    write_checkpoint(folder.model, dict(meta=meta, state_dict=weights))
    with divergence_named(folder.name, runner):
        test()
    check_predictions(folder, details['held_out'])
    folder.finish(
        {
            **facts,
            'finished': time.strftime('%Y-%m-%dT%H:%M:%S%z'),
            'parameters': count_parameters(runner.model),
            'device': device_name(),
            # Sums taken by other numbers of threads differ in their last digits.
            'threads': torch.get_num_threads(),
        }
    )


def device_name() -> str:
    """Name what this process trains on: a GPU, or ``cpu``."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu'


def score_fold(cfg: Config, model: Path, held_out: list[str]) -> dict[str, int]:
    """Score a fold's checkpoint again.

    Args:
        cfg: The fold's config, without its training part.
        model: The checkpoint.
        held_out: Subjects the fold tests on.

    Returns:
        The number of parameters, see :func:`count_parameters`.

    Raises:
        MERRunError: The checkpoint cannot be read or does not fit the model.
    """
    runner = FoldRunner.from_cfg(cfg)
    try:
        runner.register_hook(SubjectGuardHook(held_out))
        runner.load_checkpoint(str(model))
        runner.test()
        return count_parameters(runner.model)
    finally:
        runner.close()


def _load_strictly(model: nn.Module, checkpoint: dict[str, Any], path: Path) -> None:
    state = checkpoint.get('state_dict')
    if not isinstance(state, dict):
        raise MERRunError(f'{path}: holds no state_dict; give a model.pth')
    try:
        load_slim(model, state)
    except MERRunError as error:
        raise MERRunError(f'{path}: {error}') from error


# What building a part from a mistaken config raises.
_MISTAKES = (
    AssertionError, AttributeError, ImportError, KeyError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip


@contextmanager
def _building(part: str) -> Iterator[None]:
    """Name the part of the config that cannot be built."""
    try:
        yield
    except (MERDataError, MERRunError):
        raise
    except _MISTAKES as error:
        raise ConfigError(
            f"the config's {part} cannot be built: {type(error).__name__}: {error}; "
            'check its types and their arguments'
        ) from error


_said: set[str] = set()


def say_once(record: logging.LogRecord) -> bool:
    """Let a message onto the console once per process, not once per fold."""
    message = record.getMessage()
    return message not in _said and not _said.add(message)


class _AboveTheBar:
    """A stream that writes above the progress bar instead of through it."""

    # mmengine's MLflow backend asks every stream of the log.
    closed = False

    def write(self, text: str) -> None:
        tqdm.write(text, file=sys.stdout, end='')

    def flush(self) -> None:
        sys.stdout.flush()
