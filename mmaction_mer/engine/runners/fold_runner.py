"""mmengine's runner for one fold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from ...models.utils.slim_checkpoint import load_slim, read_checkpoint
from ...utils.checkpoints.reading import check_training_state
from ...utils.errors import ConfigError, MERDataError, MERRunError
from ..work_dir.fold_folder import LAST, REMEDY, FoldFolder, check_owner
from .console import quiet_console
from .seeding import seed_draws

# What building a part from a mistaken config raises.
_MISTAKES = (
    AssertionError, AttributeError, ImportError, KeyError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip


@contextmanager
def building(part: str) -> Iterator[None]:
    """Convert an error while a part of the config is built to :class:`ConfigError`."""
    try:
        yield
    except (MERDataError, MERRunError):
        raise
    except _MISTAKES as error:
        raise ConfigError(
            f"the config's {part} cannot be built: {type(error).__name__}: {error}",
            hint='check its types and their arguments',
        ) from error


def _builder(part: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of mmengine's runner that builds a part of the config."""

    @wraps(method)
    def build(self: Runner, *args: Any, **kwargs: Any) -> Any:
        with building(part):
            return method(self, *args, **kwargs)

    return build


class FoldRunner(Runner):
    """mmengine's runner for a process that runs many folds.

    It differs in four things: the console stays quiet (the log file has everything),
    draws are numbered and seeded (``seeding.py``), checkpoints are read strictly and as
    weights only, and :meth:`close` removes its global objects from the process.
    """

    build_model = _builder('model', Runner.build_model)
    build_optim_wrapper = _builder('optim_wrapper', Runner.build_optim_wrapper)
    build_train_loop = _builder('train_cfg', Runner.build_train_loop)
    build_evaluator = _builder('evaluator', Runner.build_evaluator)
    build_param_scheduler = _builder('param_scheduler', Runner.build_param_scheduler)
    register_hooks = _builder('hooks', Runner.register_hooks)

    # Logs are in the fold's folder itself rather than in one folder per start.
    @property
    def _log_dir(self) -> str:
        return self._work_dir

    @_log_dir.setter
    def _log_dir(self, _: str) -> None: ...

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger; by default only warnings reach the console."""
        logger = super().build_logger(*args, **kwargs)
        quiet_console(logger, self.cfg.get('console_level', 'WARNING'))
        return logger

    def build_dataloader(
        self, dataloader: DataLoader | dict, seed: int, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a data loader whose draws are numbered and seeded."""
        with building('dataloader'):
            loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        return seed_draws(loader, seed, dataloader is self._train_dataloader)

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: list = [(r'^module\.', '')],  # noqa: B006, as in mmengine
    ) -> dict[str, Any]:
        """Load the checkpoint of a fold; if not ``strict``, any that mmengine loads."""
        if not strict:
            return super().load_checkpoint(filename, map_location, False, revise_keys)
        path = Path(filename)
        is_fold = FoldFolder(path.parent).state_file.is_file()
        hint = REMEDY if is_fold else 'use another checkpoint'
        checkpoint = read_checkpoint(path, map_location, hint)
        if is_fold and path.name == LAST:
            check_owner(FoldFolder(path.parent), checkpoint)
            self.check_state(checkpoint, path, REMEDY)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        state = checkpoint.get('state_dict')
        if not isinstance(state, dict):
            raise MERRunError('has no state_dict', path=path, hint='give a model.pth')
        try:
            load_slim(self.model, state)
        except MERRunError as error:
            raise MERRunError(str(error), path=path) from error
        self._has_loaded = True
        self.logger.info(f'loaded {path}')
        return checkpoint

    def check_state(self, checkpoint: dict[str, Any], path: Path, remedy: str) -> None:
        """Check that a checkpoint is a training state of this config.

        Args:
            checkpoint: The training state.
            path: Its file, for the message.
            remedy: What the user should do, for the message.

        Raises:
            MERRunError: It is not.
        """
        check_training_state(checkpoint, str(path), remedy)
        schedulers = self.param_schedulers or []
        found = checkpoint.get('param_schedulers')
        if isinstance(schedulers, list):
            same_kind = isinstance(found, list) and len(found) == len(schedulers)
        else:
            same_kind = isinstance(found, dict | list)
        if not isinstance(checkpoint.get('optimizer'), dict) or not same_kind:
            raise MERRunError(
                'lacks the state of the optimizer or of its schedulers',
                path=path,
                hint=remedy,
            )
        iteration = checkpoint['meta']['iter']
        if iteration > self.max_iters:
            raise MERRunError(
                f'is at iteration {iteration} of {self.max_iters}',
                path=path,
                hint=remedy,
            )

    def load_or_resume(self) -> None:
        """Resume the fold, or load the initial weights of the config."""
        if self._has_loaded or self._load_from is None:
            return
        if self._resume:
            self.resume(self._load_from)
        else:
            self.load_checkpoint(self._load_from, strict=False)

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Resume training; draws of earlier iterations are counted, but not loaded."""
        super().resume(filename, *args, **kwargs)
        draws = self.train_dataloader.batch_sampler
        if isinstance(self.train_loop, IterBasedTrainLoop):
            draws.skip_before = self.iter
        else:
            draws.batch = self.iter

    def hook(self, kind: type) -> Any:
        """Return the hook of a class; None if there is none."""
        return next((hook for hook in self.hooks if isinstance(hook, kind)), None)

    def close(self) -> None:
        """Stop the workers, close the log, and remove mmengine's global objects."""
        self._train_loop = self._val_loop = self._test_loop = None
        for handler in self.logger.handlers:
            handler.close()
        for part in (
            self.logger, self.message_hub, self.visualizer, self.default_scope
        ):  # fmt: skip
            for kind in type(part).__mro__:
                vars(kind).get('_instance_dict', {}).pop(part.instance_name, None)


@contextmanager
def open_fold(cfg: Config) -> Iterator[FoldRunner]:
    """Build the runner of a fold, and close it at the end of the ``with`` block."""
    runner = FoldRunner.from_cfg(cfg)
    try:
        yield runner
    finally:
        runner.close()
