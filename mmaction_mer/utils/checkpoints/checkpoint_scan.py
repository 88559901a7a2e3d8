"""Check of the structure of a checkpoint file before torch opens it.

``torch.load(weights_only=True)`` calls no arbitrary code, but a crafted file can make
it allocate memory or compute without bounds: a few bytes request a ``bytearray`` of any
size, or the hash of a tuple that contains itself twice, nested forty times. The checks
here walk through the archive and the pickle without creating the values.
"""

import io
import struct
import zipfile
from typing import BinaryIO

import torch

from ..text import first_line
from .pickle_scan import CorruptedError, PickleScanner, TorchScriptError, UnsafeError

#: Maximum size of the pickle of a checkpoint, in bytes.
MAX_PICKLE = 256 << 20
#: Maximum size of the central directory of an archive, in bytes.
MAX_DIRECTORY = 32 << 20


def scan(file: BinaryIO, size: int) -> None:
    """Check the pickles of a checkpoint without creating their values.

    Args:
        file: The checkpoint, open at its beginning. Its position is changed.
        size: Size of the file in bytes.

    Raises:
        UnsafeError: The file contains code, or requests more memory or time than its
            size justifies.
        CorruptedError: The file is not a checkpoint, or is truncated.
    """
    try:
        if file.read(4) == b'PK\x03\x04':
            _scan_archive(file, size)
        else:
            file.seek(0)
            _scan_legacy(file, size)
    except (UnsafeError, CorruptedError):
        raise
    except (
        *(zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError),
        *(ValueError, LookupError, struct.error, TypeError, RuntimeError, OSError),
        *(OverflowError, AttributeError),
    ) as error:
        raise CorruptedError(first_line(error, 120)) from error


def _scan_archive(file: BinaryIO, size: int) -> None:
    file.seek(max(size - 70_000, 0))
    _check_end_of_archive(file.read(), size)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        # torch's reader ignores the case of names.
        names = [member.filename.casefold() for member in members]
        if any(name.endswith('/constants.pkl') for name in names):
            raise TorchScriptError
        if len(set(names)) < len(names):
            raise UnsafeError('has two members with the same name')
        if any(one.compress_type != zipfile.ZIP_STORED for one in members):
            raise UnsafeError('is compressed, which torch.save does not do')
        if sum(one.file_size for one in members) > size:
            raise CorruptedError(f'declares more bytes than the {size:,} that it has')
        # torch reads the members in the folder of the first one.
        folder = members[0].filename.partition('/')[0] if members else ''
        pickles = [one for one in members if one.filename == f'{folder}/data.pkl']
        if len(pickles) != 1:
            raise CorruptedError('an archive, but not one of torch.save')
        if pickles[0].file_size > MAX_PICKLE:
            raise UnsafeError(
                f'has more than {MAX_PICKLE:,} bytes of values beside its tensors'
            )
        scanner = PickleScanner(pickles[0].file_size, size)
        scanner.scan(io.BytesIO(archive.read(pickles[0])))
        for member in members:
            # Reading to the end verifies the checksum, which torch does not do.
            with archive.open(member) as content:
                while content.read(1 << 22):
                    pass


def _check_end_of_archive(tail: bytes, size: int) -> None:
    """Check that the end records are where torch writes them.

    These are at the very end, directly after the central directory and without a
    comment. Otherwise two readers may find different directories.

    Args:
        tail: The last bytes of the file.
        size: Size of the file in bytes.
    """
    begin = size - len(tail)
    end = len(tail) - 22
    if end < 0 or tail[end : end + 4] != b'PK\x05\x06' or tail[-2:] != b'\0\0':
        raise CorruptedError('the end of the archive is missing')
    length, offset = struct.unpack_from('<II', tail, end + 12)
    directory_end = end
    if tail[end - 20 : end - 16] == b'PK\x06\x07':  # zip64
        directory_end = end - 76
        (locator,) = struct.unpack_from('<Q', tail, end - 12)
        if (
            directory_end < 0
            or tail[directory_end : directory_end + 4] != b'PK\x06\x06'
            or locator != begin + directory_end
        ):
            raise CorruptedError('the end of the archive is not as torch writes it')
        length, offset = struct.unpack_from('<QQ', tail, directory_end + 40)
    if offset + length != begin + directory_end:
        raise CorruptedError('the end of the archive is not as torch writes it')
    if length > MAX_DIRECTORY:
        raise UnsafeError('lists more members than a checkpoint has')


def _scan_legacy(file: BinaryIO, size: int) -> None:
    """Check a file of torch < 1.6, which is a sequence of five pickles.

    They contain the magic number, the version, the system, the values and the keys of
    the storages.
    """
    start = file.read(512)
    if start[257:262] == b'ustar':
        raise UnsafeError('is a tar archive, as torch wrote before 2017')
    file.seek(0)
    scanner = PickleScanner(min(size, MAX_PICKLE), size)
    if scanner.scan(file) != torch.serialization.MAGIC_NUMBER:
        raise CorruptedError('not a file of torch.save')
    for _ in range(4):
        scanner.scan(file)
