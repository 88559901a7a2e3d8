"""What the command-line tools share."""

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

from ..errors import MERDataError, MERRunError
from ..memory import starved
from ..text import printable
from .option_values import parse_value
from .type_names import name_types


def read_config(path: str) -> Config:
    """Read a config file.

    Raises:
        MERRunError: It is not there or broken; the message names the line.
    """
    if not Path(path).is_file():
        raise MERRunError(f'{path}: there is no such config file')
    try:
        return name_types(Config.fromfile(path))
    except Exception as error:
        # A config is code: anything can go wrong in it.
        where = next(
            (
                f'{frame.filename}, line {frame.lineno}: '
                for frame in reversed(traceback.extract_tb(error.__traceback__))
                if frame.name == '<module>' and frame.filename.endswith('.py')
            ),
            '',
        )
        raise MERRunError(
            f'{path}: this config cannot be read: {where}{type(error).__name__}: '
            f'{error}'
        ) from error


def merge_options(cfg: Config, pairs: Sequence[str] | None) -> None:
    """Merge the ``key=value`` pairs of ``--cfg-options`` into a config.

    Args:
        cfg: The config, changed in place.
        pairs: Pairs as typed, see :func:`~.option_values.parse_value`; of a key that
            is given twice the last one counts.

    Raises:
        MERRunError: A pair has no ``=``, a value cannot be parsed, or a key leads
            into something that the config does not have.
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
            problem = shortened(err)[:300]
            raise MERRunError(problem, field=f'--cfg-options {key}') from err


def default_work_dir(config: str) -> str:
    """Name the work directory after the config, as mmaction does.

    >>> default_work_dir('configs/mpt_vit-tiny_synthme.py')
    './work_dirs/mpt_vit-tiny_synthme'
    """
    return f'./work_dirs/{Path(config).stem}'


def is_protocol(cfg: Config) -> bool:
    """Tell whether a config names a runner of its own, such as LOSORunner."""
    return cfg.get('runner_type') is not None


def loso_option(cfg: Config, name: str, value: Any) -> None:
    """Set an option of the protocol; without a protocol it is a mistake."""
    if value is None:
        return
    if not is_protocol(cfg):
        raise SystemExit(
            f"--{name} is for protocols, but the config has no runner_type='LOSORunner'"
        )
    cfg.loso = {**(cfg.get('loso') or {}), name: value}


def report_errors(main: Callable[..., None]) -> Callable[..., int]:
    """Turn what a user can put right into one message and exit status 1.

    Any other error keeps its traceback: it is ours. What SIGTERM or SIGHUP ends cleans
    up first; its exit status is the one that a shell reports, 128 and the number.
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
                # Whoever read our output has had enough; Python complains at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 1
            raise  # another pipe broke, of a worker for instance
        except Exception as error:
            message = explained(error)
            if message is None:
                raise
            rank = os.environ.get('RANK') or os.environ.get('SLURM_PROCID')
            where = f' (rank {rank})' if rank is not None else ''
            print(f'error{where}: {message}', file=sys.stderr, flush=True)
            return 1
        except KeyboardInterrupt:
            print('interrupted; what is done is kept', file=sys.stderr)
            return 130
        except _Ended as end:
            print(f'{end}; what is done is kept', file=sys.stderr)
            return 128 + end.number
        return 0

    return run


class _Ended(BaseException):
    """A signal that asks this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f'ended by {signal.Signals(number).name}')
        self.number = number


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a ``with`` block as Ctrl-C does.

    By default they end a process on the spot: what it has half written stays, and so do
    its children. One that is ignored, as under ``nohup``, stays ignored, and one that
    somebody else handles stays theirs.
    """
    process = os.getpid()

    def end(number: int, _: Any) -> None:
        # Another one ends it on the spot, and so does one that a child, forked
        # meanwhile, gets: what it has to tidy up is its parent's.
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != process:
            os.kill(os.getpid(), number)
        raise _Ended(number)

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


# What a machine refuses, whatever the code.
_REFUSALS = {errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO,
             errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT,
             errno.ENOSPC, errno.ENOTDIR, errno.EROFS}  # fmt: skip
# Of a message that quotes files without an end, in characters.
_LONGEST = 50_000


def explained(error: Exception) -> str | None:
    """Say in words what went wrong, if it is something that a user can put right.

    >>> explained(MERRunError('no such fold: s7'))
    'no such fold: s7'
    >>> explained(OSError(errno.EACCES, 'Permission denied', 'run/loso.json'))
    'run/loso.json: Permission denied'
    >>> explained(KeyError('s7')) is None
    True
    """
    if isinstance(error, MERDataError | MERRunError):
        return shortened(error)
    if starved(error):
        words = str(error).strip().splitlines() or ['no memory is left']
        return (
            f'{words[0]}: memory, threads or processes are used up, or limited for '
            f'this user (ulimit -a): free some, or lower train_dataloader.batch_size '
            f'and num_workers, then start again (a run by --resume)'
        )
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    where = f'{error.filename}: ' if error.filename else ''
    if error.errno in (errno.EDQUOT, errno.ENOSPC):
        return (
            f'{where}{error.strerror}: the disk is full. What was written before is '
            f'whole; make room, then start again (a run by --resume)'
        )
    return f'{where}{error.strerror}'


def shortened(error: Exception) -> str:
    r"""Write an error without the traceback that a loader's worker puts around it.

    >>> text = 'Caught in worker 0.\nTraceback:\n  x\nmm.MERDataError: clip a: bad'
    >>> shortened(MERDataError(text))
    'clip a: bad'
    """
    message = str(error).rpartition(f'{type(error).__name__}: ')[2].strip()
    return printable(message, _LONGEST)
