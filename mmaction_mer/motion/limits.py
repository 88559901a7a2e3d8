"""What a pipeline asks of a clip: long enough in frames, short enough in time.

A clip of any length becomes T frames, so that a long one has a low frame rate, which
holds only slow motion: from some length on less than the whole pass band, and in the
end none of it. Frames on disk do not show this; the clip's row does.
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
        length: ``length`` of ``StandardizeLength``; None leaves the number as it is.
        low: Lower edge of the pass band in Hz; None where nothing is filtered.
        high: Upper edge of the pass band in Hz; likewise.
        fps: Frame rate of the recordings in Hz, whatever the rows say; None takes
            theirs.
        apex: Whether a clip without an apex cannot be used.

    Raises:
        ValueError: The pass band is none, whatever the clip.
    """

    most: int | None = 16
    length: int | None = 16
    low: float | None = 0.4
    high: float | None = 4.0
    fps: float | None = None
    apex: bool = False

    def __post_init__(self) -> None:
        """See that there can be a clip that fits."""
        if (self.low is None) != (self.high is None):
            raise ValueError('a pass band needs both edges, low and high')
        if self.low is not None and self.high is not None:
            clamp_band(max(1.0, 4 * self.high), self.low, self.high)

    @property
    def band(self) -> str:
        """The pass band in words."""
        return f'{self.low:g} to {self.high:g} Hz'

    def frames(self, total: int) -> int:
        """Number of frames that a clip of ``total`` frames becomes.

        >>> ClipLimits().frames(9), ClipLimits(length=None).frames(9)
        (16, 9)
        """
        if self.length is not None:
            return self.length
        return total if self.most is None else min(total, self.most)


@dataclass(frozen=True)
class Verdict:
    """What :func:`judge` says about a clip.

    Attributes:
        rate: Effective frame rate in Hz, as the filter is given it; None without one.
        upper: Upper edge in Hz to which the pass band is lowered; None where it is
            not.
        field: The field of the row that is to blame.
        problem: Why the clip cannot be used; None where it can.
        notes: What should be known about a clip that can be used, each with its field.
    """

    rate: float | None = None
    upper: float | None = None
    field: str = 'offset'
    problem: str | None = None
    notes: tuple[tuple[str, str], ...] = ()


def judge(limits: ClipLimits, row: Mapping[str, Any], micro: bool = False) -> Verdict:
    """Compare a clip's row with what a pipeline asks for.

    Args:
        limits: What the pipeline asks for.
        row: A row with ``onset``, ``offset`` and ``fps``, and ``apex`` or None.
        micro: Whether the clip is called a micro-expression, so that one of more than
            half a second is noted.

    Returns:
        Whether the clip can be used and what is to be known about it.

    Example:
        >>> row = dict(onset=100, apex=None, offset=850, fps=30.0)
        >>> judge(ClipLimits(), row).rate
        0.6
        >>> 'lasts 25.00 s' in judge(ClipLimits(), row).problem
        True
        >>> judge(ClipLimits(), {**row, 'offset': 190}).upper
        2.475
    """
    if limits.apex and row.get('apex') is None:
        return Verdict(
            field='apex',
            problem='not known: give it, leave the clip out, or set model.'
            "data_preprocessor.missing_apex='middle' to take the middle of such clips",
        )
    total = row['offset'] - row['onset'] + 1
    if total < 2:
        return Verdict(
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
        place = int((row['apex'] - row['onset']) / (total - 1) * (count - 1) + 0.5)
        if place in (0, count - 1):
            end = 'onset' if place == 0 else 'offset'
            notes.append(
                (
                    'apex',
                    f'frame {row["apex"]} is the {end} {row[end]} among {count} frames '
                    f'of the clip: between these two it shows no motion',
                )
            )
    if limits.low is None or limits.high is None:
        return Verdict(notes=tuple(notes))
    rate = effective_fps(fps, total, count)
    shown = f'its {count} frames are {rate:.3g} a second'
    try:
        (_, upper), change = clamp_band(rate, limits.low, limits.high)
    except ValueError:
        return Verdict(
            rate,
            problem=f'{lasts}: {shown} and hold motion up to {rate / 2:.3g} Hz, none '
            f'of the pass band, {limits.band}: correct onset, offset or fps, or leave '
            f'the clip out',
        )
    if change is not None:
        notes.append(
            (
                'offset',
                f'{lasts}: {shown}, and the upper edge of the pass band, '
                f'{limits.high:g} Hz, is lowered to {upper:.3g} Hz',
            )
        )
    elif 0.99 * fps / 2 < limits.high:
        notes.append(
            (
                'fps',
                f'{total} frames at {fps:g} Hz show motion up to '
                f'{fps / 2:.3g} Hz, less than the pass band, {limits.band}; '
                f'between them it is interpolated',
            )
        )
    return Verdict(rate, None if change is None else upper, notes=tuple(notes))
