"""Reading of checkpoints: tensors and plain values, whoever wrote the file."""

import functools
import os
import pickle
import struct
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner import checkpoint as mmengine_checkpoint

from ..errors import MERRunError
from ..files import open_regular
from ..hashing import MAX_WEIGHTS, open_file_digest
from ..memory import out_of_resources
from ..text import QUOTE_LENGTH, printable, quote
from .pickle_scan import DamagedError, RefusedError, UnknownClassError, scan
from .safe_values import StandInError
from .unknown_classes import line_to_allow
from .wrapped_keys import without_wrappers

#: Bytes that a checkpoint has at most.
MAX_BYTES = MAX_WEIGHTS


class CheckpointError(MERRunError, pickle.UnpicklingError):
    """A checkpoint that cannot be read; the message says why."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no such checkpoint."""

    # FileNotFoundError would look for an errno.
    __str__ = Exception.__str__


#: What torch raises over bytes that are no checkpoint, by where it stumbles.
UNREADABLE = (
    RuntimeError,
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)


def read_checkpoint(
    path: str | Path,
    map_location: Any = 'cpu',
    remedy: str = '',
    mmap: bool = False,
    max_bytes: int = MAX_BYTES,
    digests: list[str] | None = None,
) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only, never code.

    Args:
        path: The file.
        map_location: As in ``torch.load``.
        remedy: What to do when it cannot be read, for the message.
        mmap: Leave the tensors on disk until they are used; their sums are checked all
            the same.
        max_bytes: What the file may have at most.
        digests: A list to which the digest of the file is appended.

    Raises:
        CheckpointError: The file is missing, cut short, asks for code or for more
            memory than its size gives reason for, or holds something else.
    """
    remedy = remedy or 'give another checkpoint'
    content = read_torch_file(path, map_location, remedy, mmap, max_bytes, digests)
    if not isinstance(content, dict):
        raise CheckpointError(f'{path}: holds no state dict; {remedy}')
    # mmengine's Runner.resume would run this text, to know how many GPUs there were.
    if isinstance(meta := content.get('meta'), dict):
        meta.pop('config', None)
    return content


def read_hashed_checkpoint(
    path: str | Path, max_bytes: int = MAX_BYTES
) -> tuple[dict[str, Any], str]:
    """Read a checkpoint and the digest of its file, which is opened once.

    Args:
        path: The file.
        max_bytes: See :func:`read_checkpoint`. Defaults to 8 GiB.

    Returns:
        The checkpoint, see :func:`read_checkpoint`, and the digest, see
        :func:`~mmaction_mer.utils.hashing.file_digest`.

    Raises:
        CheckpointError: See :func:`read_checkpoint`.
    """
    digests: list[str] = []
    content = read_checkpoint(path, max_bytes=max_bytes, digests=digests)
    return content, digests[0]


def read_torch_file(
    path: str | Path,
    map_location: Any = 'cpu',
    remedy: str = 'give another file',
    mmap: bool = False,
    max_bytes: int = MAX_BYTES,
    digests: list[str] | None = None,
) -> Any:
    """Read a file of ``torch.save``, see :func:`read_checkpoint`.

    Returns:
        Whatever it holds: tensors, and plain values.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(
            f'{path}: no such checkpoint; {remedy}'
        ) from error
    except OSError as error:
        raise CheckpointError(f'{path}: {error.strerror}; {remedy}') from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise CheckpointError(
                f'{path}: has {size:,} bytes; more than {max_bytes:,} are not read; '
                f'{remedy}'
            )
        try:
            if digests is not None:
                digests.append(open_file_digest(file))
                file.seek(0)
            scan(file, size)
            file.seek(0)
            return torch.load(
                os.fspath(path) if mmap else file,
                map_location=map_location,
                weights_only=True,
                mmap=mmap,
            )
        except UnknownClassError as error:
            raise CheckpointError(
                f'{path}: refused: beside its weights it {error}. mmaction_mer, as '
                f'torch.load(weights_only=True), makes tensors and plain values only, '
                f'from a file and from an address alike; nothing in it was run. If you '
                f'trust who made the file and the class only holds values, allow it '
                f'first: {line_to_allow(error.name)}. Otherwise {remedy}'
            ) from error
        except RefusedError as error:
            raise CheckpointError(
                f'{path}: refused, since it holds more than weights: it {error}. '
                f'Nothing in it was run; {remedy}'
            ) from error
        except DamagedError as error:
            raise _damaged(path, str(error), remedy) from error
        except MemoryError as error:
            raise CheckpointError(
                f'{path}: does not fit into the memory of this machine; {remedy}'
            ) from error
        except UNREADABLE as error:
            if isinstance(error.__context__, StandInError):
                words = str(error.__context__).rstrip('.')
                raise CheckpointError(f'{path}: {words}; {remedy}') from error
            # Torch's words are kept out: they advise to read the file as code.
            raise _damaged(path, type(error).__name__, remedy) from error


def _damaged(path: str | Path, reason: str, remedy: str) -> CheckpointError:
    return CheckpointError(
        f'{path}: not a readable checkpoint, perhaps cut short ({reason}); {remedy}'
    )


# mmengine 0.10.7 reads the files that a config names (load_from, init_cfg) through
# this table. Torch's own messages advise to read as code what was refused, and
# torch.hub unpickles anything by default, also from its cache.


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read a checkpoint file for mmengine, see :func:`read_checkpoint`."""
    return _by_name(os.path.expanduser(filename), map_location)


@CheckpointLoader.register_scheme(prefixes='file://')
def load_from_file_url(url: str, map_location: Any = None) -> dict[str, Any]:
    """Read a checkpoint file that is given by its ``file://`` address."""
    return _by_name(url2pathname(urlparse(url).path), map_location)


def _by_name(path: str | Path, map_location: Any) -> dict[str, Any]:
    """Read a checkpoint whose weights have names, as mmengine takes for granted."""
    content = read_checkpoint(path, map_location)
    state = content.get('state_dict', content)
    if not isinstance(state, dict) or not all(type(key) is str for key in state):
        raise CheckpointError(
            f'{path}: holds no weights by their names; give another checkpoint'
        )
    try:
        plain = without_wrappers(state)
    except MERRunError as error:
        raise CheckpointError(f'{path}: {error}') from error
    if plain is not state:
        # mmengine takes off module. alone, and of other names says that it has none.
        content = {**content, 'state_dict': plain} if 'state_dict' in content else plain
    if _resuming.get():
        check_training_state(content, str(path))
    return content


def load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    **_: Any,
) -> dict[str, Any]:
    """Fetch a checkpoint, unless it is there already, and read it.

    Args:
        url: Its address; its last part names the file.
        model_dir: Folder to keep it in; torch's own by default.
        map_location: As in ``torch.load``.
        progress: Show how far it is.

    Raises:
        URLError: It cannot be fetched.
        CheckpointError: What was fetched cannot be read.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir(), 'checkpoints'))
    name = Path(urlparse(url).path).name
    if not name:
        raise CheckpointError(f'{url[:200]}: names no file')
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=progress)
    return _by_name(path, map_location)


mmengine_checkpoint.load_url = load_url


# mmengine 0.10.7, Runner.resume: takes for granted that a file is a training state, and
# runs the text of a config that it finds there.

_resuming: ContextVar[bool] = ContextVar('resuming', default=False)
#: Epochs and iterations of a training, at most.
_MOST = 1 << 40


def check_training_state(
    content: Mapping[str, Any],
    source: str,
    remedy: str = 'to start from weights alone, name them in load_from',
) -> None:
    """See that a checkpoint says where a training stood.

    Args:
        content: The checkpoint.
        source: Its file, for the message.
        remedy: What the message advises.

    Raises:
        CheckpointError: It does not.
    """
    meta = content.get('meta')
    told = meta if isinstance(meta, dict) else {}
    for field in ('epoch', 'iter'):
        value = told.get(field)
        if type(value) is not int or not 0 <= value < _MOST:
            raise CheckpointError(
                f'{source}: is no training state to go on from: its meta.{field} is '
                f'{quote(value)}, not a number; {remedy}'
            )
    if not isinstance(content.get('message_hub'), dict):
        raise CheckpointError(
            f'{source}: is no training state to go on from: it has no message_hub; '
            f'{remedy}'
        )


def check_states(resume: Callable[..., None]) -> Callable[..., None]:
    """Let ``Runner.resume`` say in a sentence what is no state of this training."""

    @functools.wraps(resume)
    def checked(self: Any, filename: str, *args: Any, **kwargs: Any) -> None:
        token = _resuming.set(True)
        try:
            resume(self, filename, *args, **kwargs)
        except (*UNREADABLE, AssertionError) as error:
            if isinstance(error, MERRunError) or out_of_resources(error):
                raise
            raise CheckpointError(
                f'{quote(str(filename))}: is no training state of this config '
                f'({type(error).__name__}: {quote(str(error)[:QUOTE_LENGTH])}); go on '
                f'from another one, or start anew'
            ) from error
        finally:
            _resuming.reset(token)

    return checked


if not hasattr(Runner.resume, '__wrapped__'):
    Runner.resume = check_states(Runner.resume)


# mmengine names all keys that a model does not have, as they stand in the file.

_LONGEST = 10_000


def _print_log(message: str, *args: Any, **kwargs: Any) -> None:
    print_log(printable(str(message), _LONGEST), *args, **kwargs)


mmengine_checkpoint.print_log = _print_log
