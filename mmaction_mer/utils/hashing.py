"""Digests of files."""

import errno
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from .errors import MERRunError
from .files import open_regular

#: Maximum size of a file of weights, in bytes; the largest have some gigabytes.
MAX_WEIGHTS = 8 << 30


def open_file_digest(file: BinaryIO) -> str:
    """Hash an open file from its current position to its end (BLAKE2b, 128 bits)."""
    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return digest.hexdigest()


def file_digest(path: str | Path, max_bytes: int = MAX_WEIGHTS) -> str:
    """Hash the content of a file (BLAKE2b, 128 bits).

    Args:
        path: The file.
        max_bytes: Maximum size in bytes; a larger file is not read. Defaults to 8 GiB.

    Returns:
        The digest, 32 hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
        MERRunError: The file is too large or not a regular file.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= max_bytes:
                return open_file_digest(file)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            raise MERRunError(
                f'{error.strerror}', path=path, hint='use a regular file instead'
            ) from error
        raise
    raise MERRunError(
        f'has {size:,} bytes, more than the limit of {max_bytes:,} bytes',
        path=path,
        hint='use a file of weights only, without the state of an optimizer',
    )
