"""Link files into another folder, or copy them if the file system has no hard links.

Used for the frames of a composite, and for those of a release that is not cropped.
"""

import filecmp
import os
from pathlib import Path

from ...utils.errors import MERDataError
from ...utils.files import atomic_write
from ..images.file_limits import open_bounded


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` a hard link to ``source``, or else a copy.

    Either appears complete: a killed process leaves no partial ``target``. An existing
    one that is the same file, or has the same bytes, is kept: running again completes
    an interrupted run.

    Args:
        source: The file; a symbolic link is resolved.
        target: Its new name; missing parent folders are created.

    Raises:
        MERDataError: ``source`` cannot be read or is larger than any image or video,
            ``target`` is another file already, or the disk is full or read-only.
    """
    try:
        open_bounded(source).close()
        # A link to a symbolic link would lead out of the new folder.
        real = source.resolve(strict=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(real, target)
        except OSError:
            # Another disk, no hard links, no permission... or it exists.
            if os.path.lexists(target):
                _check_same(real, target)
            else:
                with open_bounded(real) as file:
                    atomic_write(target, file.read())
    except OSError as error:
        raise MERDataError(
            f'cannot be linked or copied to {target}: {error.strerror}',
            path=source,
            hint='check that it can be read and that the disk has free space',
        ) from error


def same_content(one: str | Path, other: str | Path) -> bool:
    """Check whether two files have the same bytes; False if one is too large."""
    try:
        open_bounded(one).close()
        open_bounded(other).close()
    except OSError:
        return False
    return filecmp.cmp(one, other, shallow=False)


def _check_same(source: Path, target: Path) -> None:
    if target.is_file() and not target.is_symlink():
        if os.path.samefile(source, target) or same_content(source, target):
            return
    raise MERDataError(
        f'exists already and differs from {source}',
        path=target,
        hint='delete the older of the two folders, or write to another one',
    )
