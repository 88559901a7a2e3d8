"""Configs, signals and error messages of the command-line tools."""

import errno
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..errors import ConfigError, MERDataError, MERRunError
from ..memory import out_of_resources
from ..text import first_line, printable
from .option_values import parse_value
from .type_names import types_to_names


def read_config(path: str) -> Config:
    """Read a config file.

    Args:
        path: The file.

    Returns:
        The config, with registered names in place of classes.

    Raises:
        ConfigError: The file is missing or invalid; the message contains the line.
    """
    if not Path(path).is_file():
        raise ConfigError('there is no such config file', path=path)
    try:
        return types_to_names(Config.fromfile(path))
    except Exception as error:
        # A config is code and can raise any exception.
        where = next(
            (
                f'{frame.filename}, line {frame.lineno}: '
                for frame in reversed(traceback.extract_tb(error.__traceback__))
                if frame.name == '<module>' and frame.filename.endswith('.py')
            ),
            '',
        )
        raise ConfigError(
            f'this config cannot be read: {where}{type(error).__name__}: {error}',
            path=path,
        ) from error


def merge_options(cfg: Config, pairs: Sequence[str] | None) -> None:
    """Merge the ``key=value`` pairs of ``--cfg-options`` into a config.

    Args:
        cfg: The config, changed in place.
        pairs: Pairs as typed, see :func:`~.option_values.parse_value`; the last value
            of a repeated key is used.

    Raises:
        MERRunError: A pair has no ``=``, a value cannot be parsed, or the parent of a
            key is not a dictionary or a list of the config.
    """
    options: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, text = pair.partition('=')
        if not key or not equals:
            raise MERRunError(
                f'{pair!r} is not of the form key=value', field='--cfg-options'
            )
        try:
            options[key] = parse_value(text)
        except ValueError as error:
            raise MERRunError(str(error), field=f'--cfg-options {key}') from error
    for key, value in options.items():
        try:
            cfg.merge_from_dict({key: value})
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as err:
            problem = error_message(err)[:300]
            raise MERRunError(problem, field=f'--cfg-options {key}') from err


def default_work_dir(config: str) -> str:
    """Return the default work directory, named after the config as in mmaction2.

    >>> default_work_dir('configs/mpt_vit-tiny_synthme.py')
    './work_dirs/mpt_vit-tiny_synthme'
    """
    return f'./work_dirs/{Path(config).stem}'


def has_protocol(cfg: Config) -> bool:
    """Return whether a config has a ``runner_type``, such as ``LOSORunner``."""
    return cfg.get('runner_type') is not None


def set_loso_option(cfg: Config, name: str, value: Any) -> None:
    """Set an option of the evaluation protocol in ``cfg.loso``.

    Args:
        cfg: The config, changed in place.
        name: Name of the option.
        value: Its value. None changes nothing.

    Raises:
        SystemExit: The config has no protocol.
    """
    if value is None:
        return
    if not has_protocol(cfg):
        raise SystemExit(f"--{name} requires a config with runner_type='LOSORunner'")
    cfg.loso = {**(cfg.get('loso') or {}), name: value}


def report_errors(main: Callable[..., None]) -> Callable[..., int]:
    """Decorate a main function: print an error that users can fix as one message.

    The exit status is then 1. Any other error is a bug and keeps its traceback. SIGTERM
    and SIGHUP end the program after its cleanup, with the exit status that shells
    report, 128 plus the number of the signal.
    """

    @functools.wraps(main)
    def run(*args: Any, **kwargs: Any) -> int:
        try:
            with _signals_raised():
                main(*args, **kwargs)
                sys.stdout.flush()
        except BrokenPipeError:
            try:
                sys.stdout.flush()
            except BrokenPipeError:
                # The reader of the output has closed it. Without a replacement, Python
                # reports an error at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 1
            raise  # another pipe, such as that of a worker
        except Exception as error:
            message = user_message(error)
            if message is None:
                raise
            rank = os.environ.get('RANK') or os.environ.get('SLURM_PROCID')
            where = f' (rank {rank})' if rank is not None else ''
            print(f'error{where}: {message}', file=sys.stderr, flush=True)
            return 1
        except KeyboardInterrupt:
            print('interrupted; finished work is kept', file=sys.stderr)
            return 130
        except _Terminated as end:
            print(f'{end}; finished work is kept', file=sys.stderr)
            return 128 + end.number
        return 0

    return run


class _Terminated(BaseException):
    """Raised when this process receives a signal that asks it to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f'ended by {signal.Signals(number).name}')
        self.number = number


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Raise an exception in a ``with`` block on SIGTERM and SIGHUP, as on Ctrl-C.

    By default these signals end a process at once and leave its half-written files and
    its children behind. A signal that is ignored, as under ``nohup``, or that has
    another handler is left as it is.
    """
    process = os.getpid()

    def end(number: int, _: Any) -> None:
        # A second signal ends the process at once. So does a signal to a child forked
        # in the meantime: the cleanup is the task of its parent.
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != process:
            os.kill(os.getpid(), number)
        raise _Terminated(number)

    taken = []
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, end)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


# Errors that are caused by the files and the system, not by a bug.
_SYSTEM_ERRORS = {errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO,
                  errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT,
                  errno.ENOSPC, errno.ENOTDIR, errno.EROFS}  # fmt: skip
# Maximum length of a message, in characters.
_MAX_LENGTH = 50_000


def user_message(error: Exception) -> str | None:
    """Return a message for an error that a user can fix.

    Args:
        error: The error.

    Returns:
        The message; None if the error is a bug, which needs a traceback.

    >>> user_message(MERRunError('no such fold: s7'))
    'no such fold: s7'
    >>> user_message(OSError(errno.EACCES, 'Permission denied', 'run/loso.json'))
    'run/loso.json: Permission denied'
    >>> user_message(KeyError('s7')) is None
    True
    """
    if isinstance(error, MERDataError | MERRunError):
        return error_message(error)
    if out_of_resources(error):
        return (
            f'{first_line(error)}: memory, threads or processes are used up or limited '
            f'for this user (ulimit -a): free some, or lower '
            f'train_dataloader.batch_size and num_workers, then start again '
            f'(a run with --resume)'
        )
    if not isinstance(error, OSError) or error.errno not in _SYSTEM_ERRORS:
        return None
    where = f'{error.filename}: ' if error.filename else ''
    if error.errno in (errno.EDQUOT, errno.ENOSPC):
        return (
            f'{where}{error.strerror}: the disk is full. Files written before are '
            f'complete: free some space, then start again (a run with --resume)'
        )
    return f'{where}{error.strerror}'


def error_message(error: Exception) -> str:
    r"""Return the message of an error without the traceback of a worker process.

    A data loader replaces the message of an error in a worker by the whole traceback.

    >>> text = 'Caught in worker 0.\nTraceback:\n  x\nmm.MERDataError: clip a: bad'
    >>> error_message(MERDataError(text))
    'clip a: bad'
    """
    message = str(error).rpartition(f'{type(error).__name__}: ')[2].strip()
    return printable(message, _MAX_LENGTH)
