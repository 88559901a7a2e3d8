"""Clips of a release that lie in videos: their rate by the time stamps."""

from dataclasses import replace

import numpy as np

from ...utils.errors import MERDataError
from ..video.files import VideoError
from ..video.index import VideoIndex
from ..video.rate import nearest
from ..video.reader import open_video
from ..video.sampling import Sampling, frame_notes, sample_video
from .issues import Finding
from .reconcile import Settled


def settle_rate(
    settled: Settled, fps: float | None, written: bool
) -> tuple[Settled | None, list[Finding]]:
    """Give a clip in a video its frame rate.

    Args:
        settled: The clip, its ends known.
        fps: Rate in Hz that the release or a person gives; None takes that of the
            time stamps.
        written: Whether its frames are written as pictures, which come at a constant
            rate: of a variable one, picture ``k`` is the frame nearest to
            ``k / fps`` after the onset.

    Returns:
        The clip with its rate, or None where there is none; and what was found.
    """
    clip = settled.clip
    assert clip.path is not None and clip.onset is not None
    try:
        index = open_video(str(clip.path), clip.title)
        sampling = sample_video(index, fps, clip.onset, clip.offset)
    except VideoError as error:
        return None, [clip.finding('fps', 'skipped', f'{clip.path} {error}')]
    except MERDataError as error:
        return None, [clip.finding('frames', 'skipped', str(error))]
    notes = list(sampling.notes)
    if fps is None:
        notes.insert(0, f'{sampling.fps:.6g} Hz by the time stamps of the video')
    findings = [clip.finding('fps', 'noted', note) for note in notes]
    findings += [clip.finding('frames', 'noted', note) for note in frame_notes(index)]
    settled = replace(settled, clip=replace(clip, fps=sampling.fps))
    if written and not sampling.constant:
        settled = _as_written(settled, index, sampling)
    return settled, findings


def _as_written(settled: Settled, index: VideoIndex, sampling: Sampling) -> Settled:
    """Number a clip as its pictures are numbered: on from the onset, one a step."""
    clip, picks, apex = settled.clip, sampling.picks, settled.clip.apex
    assert clip.onset is not None
    if apex is not None and len(picks) > 1:
        assert index.times is not None and index.rate is not None
        step = 1 / index.rate.sampled_at(sampling.fps)
        steps = index.times[clip.onset] + step * np.arange(len(picks))
        apex = clip.onset + int(nearest(steps, [index.times[apex]])[0])
    offset = clip.onset + len(picks) - 1
    return replace(
        settled,
        clip=replace(clip, apex=apex, offset=offset),
        picks=tuple(int(pick) for pick in picks),
    )
