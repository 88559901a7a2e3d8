"""One file under a second name, without taking its space twice where possible.

Frames of prepared data sets are linked into a composite, and those of a release that
needs no cropping into its prepared folder.
"""

import filecmp
import os
from pathlib import Path

from ...utils.errors import MERDataError
from ...utils.files import atomic_write
from ..images.file_limits import open_bounded


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` the same file as ``source``: a hard link, or else a copy.

    A link appears at once and a copy is renamed when it is whole, so that a kill
    leaves no half-written ``target``. One that is the same file already, or holds the
    same bytes, is left alone: running again completes what was cut.

    Args:
        source: The file; of a symbolic link, the file that it leads to.
        target: Its new name; missing parent folders are made.

    Raises:
        MERDataError: ``source`` cannot be read or is larger than any picture or
            video, ``target`` is another file already, or the disk refuses.
    """
    try:
        open_bounded(source).close()
        # A link to a symbolic link would lead out of the new folder.
        real = source.resolve(strict=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(real, target)
        except FileExistsError:
            _refuse_another(real, target)
        except OSError:
            # Another disk, no hard links there, somebody else's file, a folder...
            if os.path.lexists(target):
                _refuse_another(real, target)
            else:
                with open_bounded(real) as file:
                    atomic_write(target, file.read())
    except OSError as error:
        raise MERDataError(
            f'{source}: cannot be linked or copied to {target}: {error.strerror}; '
            f'check that it can be read and that the disk has room'
        ) from error


def same_content(one: str | Path, other: str | Path) -> bool:
    """Whether two files hold the same bytes; what is too large to be read does not."""
    try:
        open_bounded(one).close()
        open_bounded(other).close()
    except OSError:
        return False
    return filecmp.cmp(one, other, shallow=False)


def _refuse_another(source: Path, target: Path) -> None:
    if target.is_file() and not target.is_symlink():
        if os.path.samefile(source, target) or same_content(source, target):
            return
    raise MERDataError(
        f'{target}: is there already and differs from {source}: delete the older of '
        f'the two folders, or write to another one'
    )
