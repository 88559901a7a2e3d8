"""Reading of checkpoints as tensors and plain values, without running code."""

import os
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import MERRunError
from ..files import open_regular
from ..hashing import MAX_WEIGHTS, open_file_digest
from ..text import quote
from .checkpoint_scan import scan
from .pickle_scan import CorruptedError, UnknownClassError, UnsafeError
from .safe_values import StandInError
from .unknown_classes import line_to_allow

#: Maximum size of a checkpoint, in bytes.
MAX_BYTES = MAX_WEIGHTS
#: Maximum number of epochs and iterations of a training.
_MAX_COUNT = 1 << 40
#: Exceptions that torch raises for data that is not a checkpoint.
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


class CheckpointError(MERRunError, pickle.UnpicklingError):
    """A checkpoint that cannot be read."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A checkpoint that does not exist."""


def read_checkpoint(
    path: str | Path,
    map_location: Any = 'cpu',
    hint: str = 'use another checkpoint',
    mmap: bool = False,
    max_bytes: int = MAX_BYTES,
    digests: list[str] | None = None,
) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values only, never code.

    Args:
        path: The file.
        map_location: As in ``torch.load``. Defaults to 'cpu'.
        hint: Advice for the message if the file cannot be read. Defaults to 'use
            another checkpoint'.
        mmap: Leave the tensors on disk until they are used; their checksums are
            verified nevertheless. Defaults to False.
        max_bytes: Maximum size of the file. Defaults to 8 GiB.
        digests: A list to which the digest of the file is appended. Defaults to None.

    Returns:
        The content, without the text of a config in ``meta``.

    Raises:
        CheckpointError: The file is missing, truncated, contains code, requests more
            memory than its size justifies, or is not a dictionary.
    """
    content = read_torch_file(path, map_location, hint, mmap, max_bytes, digests)
    if not isinstance(content, dict):
        raise CheckpointError('contains no state dict', path=path, hint=hint)
    # Runner.resume of mmengine executes this text to get the number of GPUs.
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
    hint: str = 'use another file',
    mmap: bool = False,
    max_bytes: int = MAX_BYTES,
    digests: list[str] | None = None,
) -> Any:
    """Read a file of ``torch.save``, see :func:`read_checkpoint`.

    Returns:
        The content: tensors and plain values.

    Raises:
        CheckpointError: See :func:`read_checkpoint`.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(
            'no such checkpoint', path=path, hint=hint
        ) from error
    except OSError as error:
        raise CheckpointError(str(error.strerror), path=path, hint=hint) from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise CheckpointError(
                f'has {size:,} bytes, more than the limit of {max_bytes:,} bytes',
                path=path,
                hint=hint,
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
        except FileNotFoundError as error:
            # With mmap torch opens the path again; another rank may have removed it.
            raise CheckpointNotFoundError(
                'no such checkpoint', path=path, hint=hint
            ) from error
        except (*UNREADABLE, MemoryError) as error:
            problem, hint = _explain(error, hint)
            raise CheckpointError(problem, path=path, hint=hint) from error


def _explain(error: Exception, hint: str) -> tuple[str, str]:
    """Return the problem and the hint for an exception that reading has raised."""
    if isinstance(error, UnknownClassError):
        return (
            f'rejected: beside its weights it {error}. mmaction_mer, as '
            f'torch.load(weights_only=True), reads tensors and plain values only, from '
            f'a file and from a URL alike; nothing in it was run',
            f'if you trust the source of the file and the class only stores values, '
            f'allow it first: {line_to_allow(error.name)}. Otherwise {hint}',
        )
    if isinstance(error, UnsafeError):
        return (
            f'rejected, since it contains more than weights: it {error}. Nothing in '
            f'it was run',
            hint,
        )
    if isinstance(error, MemoryError):
        return 'does not fit into the memory of this machine', hint
    if isinstance(error.__context__, StandInError):
        return str(error.__context__), hint
    # The messages of torch are omitted, since they advise to run the file as code.
    reason = str(error) if isinstance(error, CorruptedError) else type(error).__name__
    return f'not a readable checkpoint, possibly truncated ({reason})', hint


def check_training_state(
    content: Mapping[str, Any],
    source: str,
    hint: str = 'to start from weights only, set load_from',
) -> None:
    """Check that a checkpoint has the training state that mmengine resumes from.

    Args:
        content: The checkpoint.
        source: Its file, for the message.
        hint: Advice for the message. Defaults to using ``load_from``.

    Raises:
        CheckpointError: The number of epochs or iterations, or the message hub, is
            missing.
    """
    meta = content.get('meta')
    if not isinstance(meta, dict):
        meta = {}
    for field in ('epoch', 'iter'):
        value = meta.get(field)
        if type(value) is not int or not 0 <= value < _MAX_COUNT:
            raise CheckpointError(
                f'is not a training state to resume from: {quote(value)} is not a '
                f'valid count',
                path=source,
                field=f'meta.{field}',
                hint=hint,
            )
    if not isinstance(content.get('message_hub'), dict):
        raise CheckpointError(
            'is not a training state to resume from: it is missing',
            path=source,
            field='message_hub',
            hint=hint,
        )
