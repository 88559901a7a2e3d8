"""Reconcile all clips of a release with the frames on disk."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from ...utils.errors import MERDataError
from ...utils.parallel import parallel_map
from ..video.files import ENDINGS
from ..video.index import VideoIndex, cache_index
from ..video.reader import open_video
from .disk.frame_files import FrameFiles, list_images
from .frame_numbering import FrameNumbering, apply_shift, infer_numbering, infer_shift
from .issues import Clip, Issue
from .ranges import reconcile_range


@dataclass(frozen=True)
class ReconciledClip:
    """A clip whose frames are on disk.

    Attributes:
        clip: The clip, with the frame numbers of the files.
        frames: Its frame files; None for a video.
        picks: Frames of a video, one for each image from onset to offset; None if they
            are all frames in between.
    """

    clip: Clip
    frames: FrameFiles | None
    picks: tuple[int, ...] | None = None


def reconcile_clips(
    clips: Sequence[Clip], progress: bool = False, workers: int = 1
) -> tuple[list[ReconciledClip], list[Issue], FrameNumbering]:
    """Compare all clips of a release with the disk.

    Args:
        clips: The clips as the release describes them.
        progress: Whether to show a progress bar. Defaults to False.
        workers: Number of processes that decode videos. Defaults to 1.

    Returns:
        The clips that can be used, the issues, and how the release numbers its frames.
    """
    paths = list(dict.fromkeys(clip.path for clip in clips if clip.path is not None))
    listing = tqdm(
        parallel_map(_list_frames, paths, workers),
        'listing frames',
        len(paths),
        unit='clip',
        disable=not progress,
    )
    frames: dict[Path, FrameFiles] = {}
    numbers: dict[Path, list[int]] = {}
    errors: dict[Path, str] = {}
    for path, found in zip(paths, listing, strict=True):
        if isinstance(found, str):
            errors[path] = found
        elif isinstance(found, VideoIndex):
            cache_index(path, found)
            numbers[path] = list(range(len(found)))
        else:
            frames[path] = found
            numbers[path] = list(found.files)
    uses = Counter(clip.path for clip in clips)
    numbered = [(c, numbers[c.path]) for c in clips if c.path in numbers]
    shift, ambiguity = infer_shift(numbered)
    own = [(apply_shift(c, shift), held) for c, held in numbered if uses[c.path] == 1]
    numbering = replace(infer_numbering(own), shift=shift, ambiguity=ambiguity)
    reconciled, issues = [], []
    if shift:
        reason = (
            f'the numbers on disk are not those of the spreadsheet: {shift:+d} is '
            f'added to the spreadsheet, in all clips; issues give the numbers on disk'
        )
        issues.append(Issue(None, 'all', 'onset', 'noted', reason))
    first: dict[Path, Clip] = {}
    for clip in clips:
        if clip.path is None:
            reason = clip.missing_reason or 'not on disk'
            issues.append(clip.issue('frames', 'skipped', reason))
            continue
        known = first.setdefault(clip.path, clip)
        if known.subject != clip.subject or (known is not clip and clip.whole):
            where = known.title if known.row is None else f'row {known.row}'
            reason = f'{clip.path} is already the clip of {where}: one of them is wrong'
            issues.append(clip.issue('path', 'skipped', reason))
            continue
        if clip.path in errors:
            issues.append(clip.issue('frames', 'skipped', errors[clip.path]))
            continue
        if ambiguity and not clip.whole:
            issues.append(clip.issue('onset', 'skipped', ambiguity))
            continue
        shared = uses[clip.path] > 1
        fixed, found_issues = reconcile_range(
            apply_shift(clip, shift), numbers[clip.path], numbering, shared
        )
        issues += found_issues
        if fixed is not None:
            held = frames.get(clip.path)
            reconciled.append(ReconciledClip(fixed, held))
            if held and held.ignored and not shared:
                names = ', '.join(held.ignored[:3])
                reason = f'{len(held.ignored)} other image(s) are ignored: {names}'
                issues.append(clip.issue('frames', 'noted', reason))
    return reconciled, issues, numbering


def _list_frames(path: Path) -> FrameFiles | VideoIndex | str:
    """List the frames in the path of a clip, or return why that is not possible."""
    try:
        if path.suffix.lower() in ENDINGS and path.is_file():
            return open_video(str(path), path.stem)
        return list_images(path)
    except MERDataError as error:
        return str(error)
