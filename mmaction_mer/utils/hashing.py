"""Digests of files."""

import errno
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from .errors import MERRunError
from .files import open_regular

#: The largest checkpoints are some gigabytes; anything else is a mistake, in bytes.
MAX_WEIGHTS = 8 << 30


def open_file_digest(file: BinaryIO) -> str:
    """Hash an open file from its current position to its end."""
    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return digest.hexdigest()


def file_digest(path: str | Path, max_bytes: int = MAX_WEIGHTS) -> str:
    """Hash the content of a file.

    Args:
        path: The file.
        max_bytes: What it may hold at most, in bytes; nothing is read of a larger one.

    Raises:
        OSError: It cannot be read.
        MERRunError: It is larger, or no regular file.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= max_bytes:
                return open_file_digest(file)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            raise MERRunError(
                f'{path}: {error.strerror}: put the file itself there'
            ) from error
        raise
    raise MERRunError(
        f'{path}: has {size:,} bytes, more than the {max_bytes:,} that such a file may '
        f'have: give a file of weights alone, without the state of an optimizer'
    )
