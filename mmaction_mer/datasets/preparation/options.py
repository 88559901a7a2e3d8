"""The user's choices for a preparation, and their checks."""

from dataclasses import dataclass
from pathlib import Path

from ...motion.limits import ClipLimits
from ...utils.errors import MERDataError
from ..annotation_rules import MAX_FPS, name_problem
from .disk.scan import archive_stem
from .readers.reader import Reader, Source

MIN_SIZE, MAX_SIZE = 32, 2048


@dataclass(frozen=True)
class Options:
    """The user's choices.

    Attributes:
        crop: Crop and align faces; otherwise frames are taken as they are. Defaults to
            True.
        size: Side length of the cropped images in pixels. Defaults to 224.
        face_model: File of the face detector. Defaults to that of an installed package.
        fps: Frame rate in Hz for releases without one. Defaults to None.
        max_skipped: Number of clips that may be left out. Defaults to half of them.
        workers: Number of processes that read frames. Defaults to 1.
        progress: Whether to show progress bars. Defaults to True.
        limits: What the pipeline requires of the length of a clip; None requires
            nothing. Macro-expressions are not checked, since pre-training draws short
            pieces of them. Defaults to the limits of MPT.
    """

    crop: bool = True
    size: int = 224
    face_model: Path | None = None
    fps: float | None = None
    max_skipped: int | None = None
    workers: int = 1
    progress: bool = True
    limits: ClipLimits | None = ClipLimits()


def check_options(reader: Reader, source: Source, out: Path, options: Options) -> None:
    """Check the command line against the release and the disk.

    Raises:
        MERDataError: A folder or an option cannot be used.
    """
    root = source.root
    if root.is_file():
        packed = archive_stem(root.name)
        raise MERDataError(
            'is an archive' if packed else 'is a file',
            path=root,
            hint=f'{"unpack it and " if packed else ""}give the folder as --root',
        )
    if not root.is_dir():
        raise MERDataError(
            'folder not found', path=root, hint='give the release as --root'
        )
    inner, outer = out.resolve(), root.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise MERDataError(
            'is inside the release or contains it',
            path=out,
            hint='choose another --out',
        )
    if options.fps is not None and reader.fps is not None:
        raise MERDataError(
            f'{reader.title} is recorded at {reader.fps:g} Hz, not {options.fps:g} Hz',
            field='--fps',
            hint='leave it out',
        )
    if options.fps is not None and not 0 < options.fps <= MAX_FPS:
        raise MERDataError(f'{options.fps:g} is not a frame rate in Hz', field='--fps')
    if options.workers < 1:
        raise MERDataError('must be at least 1', field='--workers')
    if (options.max_skipped or 0) < 0:
        raise MERDataError('must not be negative', field='--max-skipped')
    if options.crop and not MIN_SIZE <= options.size <= MAX_SIZE:
        raise MERDataError(
            f'{options.size} is not from {MIN_SIZE} to {MAX_SIZE} pixels',
            field='--size',
        )
    if not reader.dataset and (problem := name_problem(out.resolve().name)):
        raise MERDataError(f'names the data set, but the name {problem}', path=out)
