"""Frame rates of clips in videos, from their timestamps."""

from dataclasses import replace

import numpy as np

from ...utils.errors import MERDataError
from ..video.files import VideoError
from ..video.index import VideoIndex
from ..video.rate import nearest
from ..video.reader import open_video
from ..video.sampling import Sampling, frame_notes, sample_video
from .issues import Issue
from .reconcile import ReconciledClip


def resolve_frame_rate(
    reconciled: ReconciledClip, fps: float | None, as_images: bool
) -> tuple[ReconciledClip | None, list[Issue]]:
    """Determine the frame rate of a clip in a video.

    Args:
        reconciled: The clip, with known onset and offset.
        fps: Rate in Hz that the release or the user gives; None takes that of the
            timestamps.
        as_images: Whether its frames are written as images, at a constant rate: for a
            variable one, image ``k`` is the frame nearest to ``k / fps`` after the
            onset.

    Returns:
        The clip with its rate, or None if there is none; and the issues.
    """
    clip = reconciled.clip
    assert clip.path is not None and clip.onset is not None
    try:
        index = open_video(str(clip.path), clip.title)
        sampling = sample_video(index, fps, clip.onset, clip.offset)
    except VideoError as error:
        return None, [clip.issue('fps', 'skipped', f'{clip.path} {error}')]
    except MERDataError as error:
        return None, [clip.issue('frames', 'skipped', str(error))]
    notes = list(sampling.notes)
    if fps is None:
        notes.insert(0, f'{sampling.fps:.6g} Hz by the timestamps of the video')
    issues = [clip.issue('fps', 'noted', note) for note in notes]
    issues += [clip.issue('frames', 'noted', note) for note in frame_notes(index)]
    reconciled = replace(reconciled, clip=replace(clip, fps=sampling.fps))
    if as_images and not sampling.constant:
        reconciled = _resample(reconciled, index, sampling)
    return reconciled, issues


def _resample(
    reconciled: ReconciledClip, index: VideoIndex, sampling: Sampling
) -> ReconciledClip:
    """Number a clip as its images are numbered: one per step, from the onset on."""
    clip, picks, apex = reconciled.clip, sampling.picks, reconciled.clip.apex
    assert clip.onset is not None
    if apex is not None and len(picks) > 1:
        assert index.times is not None and index.rate is not None
        step = 1 / index.rate.sampled_at(sampling.fps)
        steps = index.times[clip.onset] + step * np.arange(len(picks))
        apex = clip.onset + int(nearest(steps, [index.times[apex]])[0])
    offset = clip.onset + len(picks) - 1
    return replace(
        reconciled,
        clip=replace(clip, apex=apex, offset=offset),
        picks=tuple(int(pick) for pick in picks),
    )
