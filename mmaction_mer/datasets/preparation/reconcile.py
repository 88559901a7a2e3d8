"""All clips of a release against the disk."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from ...utils.errors import MERDataError
from ...utils.parallel import in_processes
from ..video.files import ENDINGS
from ..video.index import VideoIndex, cache_index
from ..video.reader import open_video
from .disk.folders import Frames, list_images
from .frame_numbering import Habits, learn_habits, learn_shift, shifted
from .issues import Clip, Finding
from .ranges import settle_range


@dataclass(frozen=True)
class Settled:
    """A clip whose frames are on disk.

    Attributes:
        clip: The clip, with frame numbers as the files carry them.
        frames: Its frame files; None for a video.
        picks: Frames of a video, one for each picture from onset to offset, where
            these are not the frames themselves; None where they are.
    """

    clip: Clip
    frames: Frames | None
    picks: tuple[int, ...] | None = None


def settle(
    clips: Sequence[Clip], progress: bool = False, workers: int = 1
) -> tuple[list[Settled], list[Finding], Habits]:
    """Compare all clips of a release with the disk.

    Args:
        clips: The clips as the release describes them.
        progress: Show a progress bar.
        workers: Processes that decode videos to know their frames.

    Returns:
        The clips that can be used, what was found, and the release's habits.
    """
    folders: dict[Path, Frames | range | str] = {}
    paths = list(dict.fromkeys(clip.path for clip in clips if clip.path is not None))
    looked = in_processes(_look, paths, workers)
    listing = tqdm(
        looked, 'listing frames', len(paths), unit='clip', disable=not progress
    )
    for path, held in zip(paths, listing, strict=True):
        if isinstance(held, VideoIndex):
            cache_index(path, held)
            held = range(len(held))
        folders[path] = held
    uses = Counter(clip.path for clip in clips)
    numbers = {
        path: list(held.files if isinstance(held, Frames) else held)
        for path, held in folders.items()
        if not isinstance(held, str)
    }
    own = [
        (c, numbers[c.path]) for c in clips if uses[c.path] == 1 if c.path in numbers
    ]
    shift, doubt = learn_shift(
        (clip, numbers[clip.path]) for clip in clips if clip.path in numbers
    )
    learned = learn_habits([(shifted(clip, shift), held) for clip, held in own])
    habits = replace(learned, shift=shift, doubt=doubt)
    settled, findings = [], []
    if shift:
        reason = (
            f'the numbers on disk are not those of the sheet: {shift:+d} is added to '
            f'the sheet, in all clips; findings give the numbers on disk'
        )
        findings.append(Finding(None, 'all', 'onset', 'noted', reason))
    first: dict[Path, Clip] = {}
    for clip in clips:
        if clip.path is None:
            reason = clip.why_not or 'not on disk'
            findings.append(clip.finding('frames', 'skipped', reason))
            continue
        known = first.setdefault(clip.path, clip)
        if known.subject != clip.subject or (known is not clip and clip.whole):
            where = known.title if known.row is None else f'row {known.row}'
            reason = f'{clip.path} is the clip of {where} already: one of them is wrong'
            findings.append(clip.finding('path', 'skipped', reason))
            continue
        held = folders[clip.path]
        if isinstance(held, str):
            findings.append(clip.finding('frames', 'skipped', held))
            continue
        if doubt and not clip.whole:
            findings.append(clip.finding('onset', 'skipped', doubt))
            continue
        shared = uses[clip.path] > 1
        moved = shifted(clip, shift)
        mended, found = settle_range(moved, numbers[clip.path], habits, shared)
        findings += found
        if mended is not None:
            frames = held if isinstance(held, Frames) else None
            settled.append(Settled(mended, frames))
            if frames and frames.strangers and not shared:
                findings.append(_strangers(clip, frames))
    return settled, findings, habits


def _look(path: Path) -> Frames | VideoIndex | str:
    """List what a clip's path holds, or say what is wrong with it."""
    try:
        if path.suffix.lower() in ENDINGS and path.is_file():
            return open_video(str(path), path.stem)
        return list_images(path)
    except MERDataError as error:
        return str(error)


def _strangers(clip: Clip, frames: Frames) -> Finding:
    names = ', '.join(frames.strangers[:3])
    return clip.finding(
        'frames',
        'noted',
        f'{len(frames.strangers)} other image(s), or named so, are left alone: {names}',
    )
