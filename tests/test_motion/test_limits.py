"""Limits of a pipeline on clips that are readable: length, frame rate, apex."""

import inspect

import pytest

from mmaction_mer.datasets import EulerianMagnification, StandardizeLength
from mmaction_mer.models import MERDataPreprocessor
from mmaction_mer.motion.limits import ClipLimits, check_clip_limits
from mmaction_mer.motion.temporal import clamp_band


def clip(onset=1, offset=41, fps=200.0, apex=20):
    return dict(onset=onset, offset=offset, fps=fps, apex=apex)


def notes(limits, row, micro=False):
    result = check_clip_limits(limits, row, micro)
    assert result.problem is None
    return {field: text for field, text in result.notes}


def test_a_clip_that_can_hold_none_of_the_band():
    """24.33 s as 16 frames have 0.616 Hz, which can hold up to 0.308 Hz."""
    result = check_clip_limits(ClipLimits(), clip(100, 830, 30.0))
    assert result.fps == pytest.approx(30 * 15 / 730)
    assert result.field == 'offset' and result.upper is None
    for words in (
        'lasts 24.33 s (frames 100 to 830 at 30 Hz)',
        '16 frames have 0.616 Hz and can hold motion up to 0.308 Hz',
        'none of the pass band, 0.4 to 4 Hz',
        'correct onset, offset or fps, or leave the clip out',
    ):
        assert words in result.problem


@pytest.mark.parametrize(
    'seconds, upper',
    [(0.5, None), (1.85, None), (1.9, 3.908), (2.5, 2.97), (18.5, 0.401)],
)
def test_the_upper_edge_in_hz(seconds, upper):
    """0.99 of the Nyquist frequency of 15 steps, from 1.856 s on below 4 Hz."""
    row = clip(0, round(seconds * 200))
    result = check_clip_limits(ClipLimits(), row)
    assert result.fps == pytest.approx(15 / seconds)
    if upper is None:
        assert result.upper is None and not result.notes
        return
    assert result.upper == pytest.approx(0.99 * 15 / seconds / 2)
    assert result.upper == pytest.approx(upper, abs=6e-4)
    assert notes(ClipLimits(), row)['offset'].endswith(
        f'is lowered from 4 to {result.upper:.3g} Hz'
    )


@pytest.mark.parametrize('length', [4, 16, 32, None])
@pytest.mark.parametrize('most', [8, 16, None])
@pytest.mark.parametrize('frames', [2, 9, 17, 200, 3000])
@pytest.mark.parametrize('fps', [0.5, 30.0, 200.0])
def test_agrees_with_the_filter(length, most, frames, fps):
    """Sampling keeps both ends, and so the duration."""
    count = frames if most is None else min(frames, most)
    count = length or count
    rate = fps * (count - 1) / (frames - 1)
    result = check_clip_limits(ClipLimits(most, length), clip(0, frames - 1, fps, None))
    assert result.fps == pytest.approx(rate)
    try:
        (_, upper), change = clamp_band(rate, 0.4, 4.0)
    except ValueError:
        assert result.problem
        return
    assert result.problem is None
    assert result.upper == (pytest.approx(upper) if change else None)


def test_longer_than_a_micro_expression():
    for frames, long in ((101, False), (102, True)):
        found = notes(ClipLimits(), clip(0, frames - 1), micro=True)
        assert ('longer than a micro-expression (0.5 s)' in str(found)) is long
    assert not notes(ClipLimits(), clip(0, 300))  # a macro-expression of 1.5 s
    # Rounding errors of a rate are not a longer clip.
    assert not notes(ClipLimits(), clip(0, 15, 29.99999999999), micro=True)


def test_slow_cameras_and_short_clips():
    """Four frames at 5 Hz become 16 at 25 Hz, which show no faster motion."""
    found = notes(ClipLimits(), clip(1, 4, 5.0))
    assert '4 frames at 5 Hz can hold motion up to 2.5 Hz' in found['fps']
    # Shorter than a period of 0.4 Hz, as micro-expressions are.
    assert not notes(ClipLimits(), clip(1, 3, 30.0), micro=True)
    assert not notes(ClipLimits(), clip(1, 2), micro=True)
    assert 'motion needs two' in check_clip_limits(ClipLimits(), clip(5, 5)).problem


def test_an_explicit_rate_and_no_filter():
    row = clip(100, 830, 30.0)
    # The filter is given the recording's rate over the step between frames.
    assert check_clip_limits(ClipLimits(fps=25.0), row).problem is not None
    assert check_clip_limits(ClipLimits(fps=200.0), row).fps == pytest.approx(
        200 * 15 / 730
    )
    assert check_clip_limits(ClipLimits(low=None, high=None), row).problem is None
    assert check_clip_limits(ClipLimits(length=64), row).problem is None
    assert check_clip_limits(ClipLimits(low=0.2), row).upper == pytest.approx(
        0.305, abs=5e-4
    )


def test_apexes():
    keys = ClipLimits(low=None, high=None, apex=True)
    result = check_clip_limits(keys, clip(apex=None))
    assert result.field == 'apex' and "missing_apex='middle'" in result.problem
    assert check_clip_limits(ClipLimits(), clip(apex=None)).problem is None
    assert not notes(keys, clip(apex=4))
    for apex, end in ((2, 'onset 1'), (41, 'offset 41')):
        note = notes(keys, clip(apex=apex))['apex']
        assert f'frame {apex} falls on the {end}' in note


def test_invalid_bands():
    for low, high in ((4.0, 0.4), (0.0, 4.0), (-2.0, -1.0), (1.0, float('nan'))):
        with pytest.raises(ValueError, match='0 < low < high'):
            ClipLimits(low=low, high=high)
    with pytest.raises(ValueError, match='both edges'):
        ClipLimits(low=None)


def test_the_defaults_are_those_of_the_parts():
    limits = ClipLimits()
    for part in (EulerianMagnification, MERDataPreprocessor):
        given = inspect.signature(part).parameters
        assert [given[one].default for one in ('low', 'high')] == [
            limits.low,
            limits.high,
        ]
    assert inspect.signature(StandardizeLength).parameters['length'].default == 16
