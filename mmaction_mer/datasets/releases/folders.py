"""Folders of a release: where clips lie and how their frames are numbered."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..annotation import MERDataError
from ..frames import is_file
from ..video_files import ENDINGS

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# The last number of a name is the frame's: 006_05562.jpg is frame 5562.
_NUMBERED = re.compile(r'(.*?)([0-9]+)([^0-9]*)', re.DOTALL)


@dataclass(frozen=True)
class Frames:
    """The frame files of a clip.

    Attributes:
        folder: Where they lie.
        template: Their names with ``{}`` for the number.
        files: File name by frame number, in the order of the numbers.
        strangers: What else is named like an image, and is left alone.
    """

    folder: Path
    template: str
    files: dict[int, str]
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a clip lies below the root of a release.

    Attributes:
        parts: Names of the folders that lead to it, its own last.
        path: Its folder of frames, or its video.
    """

    parts: tuple[str, ...]
    path: Path


def list_images(folder: Path) -> Frames:
    """List the images of a folder by frame number, in natural order.

    The images may be named in any way that ends in a number; of several ways the one
    with the most images is the clip's.

    Raises:
        MERDataError: The folder cannot be read, holds no numbered image, or two files
            carry one number.
    """
    try:
        with os.scandir(folder) as entries:
            held = {entry.name: is_file(entry) for entry in entries}
    except OSError as error:
        raise MERDataError(f'{folder}: cannot be read: {error.strerror}') from error
    groups: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    others = []
    for name in sorted(held):
        stem, ending = os.path.splitext(name)
        if ending.lower() not in IMAGES or name.startswith('.'):
            continue
        if not held[name]:
            others.append(name)  # a pipe, a device or a link to nowhere is no frame
            continue
        match = _NUMBERED.fullmatch(stem)
        if match is None or len(match[2]) > 9:
            others.append(name)
            continue
        groups[match[1], match[3] + ending].append((int(match[2]), name))
    if not groups:
        raise MERDataError(f'{folder}: holds no image whose name ends in a number')
    around = max(groups, key=lambda key: (len(groups[key]), key))
    files: dict[int, str] = {}
    for number, name in sorted(groups.pop(around)):
        if number in files:
            raise MERDataError(
                f'{folder}: {files[number]} and {name} are both frame {number}: '
                f'remove one of them'
            )
        files[number] = name
    others += [name for group in groups.values() for _, name in group]
    before, after = (part.replace('{', '{{').replace('}', '}}') for part in around)
    return Frames(folder, f'{before}{{}}{after}', files, tuple(others))


def find_clips(root: Path) -> Iterator[Place]:
    """Walk through a release: every folder that holds images, and every video.

    Folders come in alphabetical order. Links are not followed, hidden folders and
    files are left alone.
    """
    for folder, folders, files in os.walk(root):
        # What macOS adds to archives is called so.
        folders[:] = sorted(
            name for name in folders if not name.startswith(('.', '__MACOSX'))
        )
        files = [name for name in files if not name.startswith('.')]
        here = Path(folder)
        parts = here.relative_to(root).parts
        endings = {os.path.splitext(name)[1].lower() for name in files}
        if parts and not endings.isdisjoint(IMAGES):
            yield Place(parts, here)
        if not endings.isdisjoint(ENDINGS):
            for name in sorted(files):
                stem, ending = os.path.splitext(name)
                if ending.lower() in ENDINGS:
                    yield Place((*parts, stem), here / name)
