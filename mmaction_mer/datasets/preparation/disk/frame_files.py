"""List the frame files of a clip by frame number."""

import os
from dataclasses import dataclass
from pathlib import Path

from ....utils.errors import MERDataError
from ....utils.text import quote
from ...images.frame_folder import is_file
from ...images.frame_names import (
    IMAGES,
    OTHER_IMAGES,
    FrameNameError,
    by_number,
    image_suffix,
)


@dataclass(frozen=True)
class FrameFiles:
    """The frame files of a clip.

    Attributes:
        folder: The folder that contains them.
        template: Their names with ``{}`` for the number.
        files: File name by frame number, in the order of the numbers.
        ignored: Names of other images in the folder.
    """

    folder: Path
    template: str
    files: dict[int, str]
    ignored: tuple[str, ...] = ()


def list_images(folder: Path) -> FrameFiles:
    """List the images of a folder by frame number, in natural order.

    See :func:`~mmaction_mer.datasets.images.frame_names.by_number`.

    Raises:
        MERDataError: The folder cannot be read, or its names are not those of the
            frames of one clip.
    """
    try:
        with os.scandir(folder) as entries:
            held = {entry.name: is_file(entry) for entry in entries}
    except OSError as error:
        raise MERDataError(f'cannot be read: {error.strerror}', path=folder) from error
    images = {
        name: usable
        for name, usable in sorted(held.items())
        if image_suffix(name) and not name.startswith('.')
    }
    if not images:
        raise MERDataError(
            f'contains no image ({", ".join(IMAGES)})',
            path=folder,
            hint='name a folder with the frames of one clip',
        )
    # A pipe, a device or a dead link is not a frame.
    others = [name for name, usable in images.items() if not usable]
    if len(others) == len(images):
        raise MERDataError(
            f'contains no image that can be read; {quote(others[0])} is a folder, a '
            f'pipe, a device or a dead link',
            path=folder,
        )
    others += [name for name in sorted(held) if name.lower().endswith(OTHER_IMAGES)]
    try:
        named = by_number(name for name, usable in images.items() if usable)
    except FrameNameError as error:
        raise MERDataError(str(error), path=folder) from error
    return FrameFiles(folder, named.template, named.files, (*others, *named.others))
