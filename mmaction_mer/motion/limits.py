"""Limits of a pipeline on its clips: enough frames, and not too long in time.

Every clip becomes T frames, so that a long clip has a low frame rate, which can hold
only slow motion: from some length on less than the whole pass band, and in the end
none of it. The row of the annotation file shows this; the frames on disk do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .temporal import clamp_band, effective_fps

#: The longest micro-expression, in seconds (Yan et al., 2013).
LONGEST_MICRO = 0.5


@dataclass(frozen=True)
class ClipLimits:
    """The settings of a pipeline and a model that decide which clips they can use.

    The defaults are those of ``configs/_base_/``.

    Attributes:
        most: ``max_frames`` of ``LoadMERFrames``; None reads all frames.
        length: ``length`` of ``StandardizeLength``; None keeps the number of frames.
        low: Lower edge of the pass band in Hz; None if nothing is filtered.
        high: Upper edge of the pass band in Hz; None if nothing is filtered.
        fps: Frame rate of the recordings in Hz, which overrides the rows; None takes
            theirs.
        apex: Whether a clip needs an apex.

    Raises:
        ValueError: The pass band is not valid.
    """

    most: int | None = 16
    length: int | None = 16
    low: float | None = 0.4
    high: float | None = 4.0
    fps: float | None = None
    apex: bool = False

    def __post_init__(self) -> None:
        """Check that some clip can hold the pass band."""
        if (self.low is None) != (self.high is None):
            raise ValueError('a pass band needs both edges, low and high')
        if self.low is not None and self.high is not None:
            clamp_band(max(1.0, 4 * self.high), self.low, self.high)

    @property
    def band(self) -> str:
        """The pass band, for messages."""
        return f'{self.low:g} to {self.high:g} Hz'

    def frames(self, total: int) -> int:
        """Return the number of frames that a clip of ``total`` frames becomes.

        >>> ClipLimits().frames(9), ClipLimits(length=None).frames(9)
        (16, 9)
        """
        if self.length is not None:
            return self.length
        return total if self.most is None else min(total, self.most)


@dataclass(frozen=True)
class LimitResult:
    """The result of :func:`check_clip_limits`.

    Attributes:
        fps: Effective frame rate in Hz, the input of the filter; None without a filter.
        upper: Upper edge in Hz to which the pass band is lowered; None if it is not.
        field: The field of the row that causes the problem.
        problem: Why the clip cannot be used; None if it can.
        notes: Field and text of each remark on a clip that can be used.
    """

    fps: float | None = None
    upper: float | None = None
    field: str = 'offset'
    problem: str | None = None
    notes: tuple[tuple[str, str], ...] = ()


def check_clip_limits(
    limits: ClipLimits,
    row: Mapping[str, Any],
    micro: bool = False,
    total: int | None = None,
) -> LimitResult:
    """Check whether a pipeline can use a clip, by the row of the clip alone.

    Args:
        limits: The limits of the pipeline.
        row: A row with ``onset``, ``offset`` and ``fps``, and ``apex`` or None.
        micro: Whether the clip is called a micro-expression, so that a length above
            half a second is noted. Defaults to False.
        total: Number of frames at the rate ``fps``, for a video with a variable frame
            rate. Defaults to the number from onset to offset.

    Returns:
        Whether the clip can be used, and remarks on it.

    Example:
        >>> row = dict(onset=100, apex=None, offset=850, fps=30.0)
        >>> check_clip_limits(ClipLimits(), row).fps
        0.6
        >>> 'lasts 25.00 s' in check_clip_limits(ClipLimits(), row).problem
        True
        >>> check_clip_limits(ClipLimits(), {**row, 'offset': 190}).upper
        2.475
    """
    if limits.apex and row.get('apex') is None:
        return LimitResult(
            field='apex',
            problem='is not known: add it, leave the clip out, or set model.'
            "data_preprocessor.missing_apex='middle' to use the middle frame",
        )
    if total is None:
        total = row['offset'] - row['onset'] + 1
    if total < 2:
        return LimitResult(
            problem=f'{total} frame(s) from onset {row["onset"]}: motion needs two'
        )
    fps = limits.fps or row['fps']
    seconds, notes = (total - 1) / fps, []
    lasts = (
        f'the clip lasts {seconds:.2f} s (frames {row["onset"]} to {row["offset"]} at '
        f'{fps:g} Hz)'
    )
    if micro and seconds > LONGEST_MICRO + 1e-9:
        notes.append(
            ('offset', f'{lasts}, longer than a micro-expression ({LONGEST_MICRO:g} s)')
        )
    count = limits.frames(total)
    if limits.apex:
        index = int((row['apex'] - row['onset']) / (total - 1) * (count - 1) + 0.5)
        if index in (0, count - 1):
            end = 'onset' if index == 0 else 'offset'
            notes.append(
                (
                    'apex',
                    f'frame {row["apex"]} falls on the {end} {row[end]} when the clip '
                    f'is sampled to {count} frames: it shows no motion between them',
                )
            )
    if limits.low is None or limits.high is None:
        return LimitResult(notes=tuple(notes))
    rate = effective_fps(fps, total, count)
    sampled = f'its {count} frames have {rate:.3g} Hz'
    try:
        (_, upper), change = clamp_band(rate, limits.low, limits.high)
    except ValueError:
        return LimitResult(
            rate,
            problem=f'{lasts}: {sampled} and can hold motion up to {rate / 2:.3g} Hz, '
            f'none of the pass band, {limits.band}: correct onset, offset or fps, or '
            f'leave the clip out',
        )
    if change is not None:
        notes.append(
            (
                'offset',
                f'{lasts}: {sampled}, so that the upper edge of the pass band is '
                f'lowered from {limits.high:g} to {upper:.3g} Hz',
            )
        )
    elif 0.99 * fps / 2 < limits.high:
        notes.append(
            (
                'fps',
                f'{total} frames at {fps:g} Hz can hold motion up to {fps / 2:.3g} Hz, '
                f'less than the pass band, {limits.band}; the frames between them are '
                f'interpolated',
            )
        )
    return LimitResult(rate, None if change is None else upper, notes=tuple(notes))
