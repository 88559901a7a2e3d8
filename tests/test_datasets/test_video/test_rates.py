"""Rates and times come from the time stamps, whatever the header promises."""

from fractions import Fraction

import numpy as np
import pytest
from numbered_videos import numbers_of, write_numbered

from mmaction_mer.apis import Limits, open_source
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip, usable_clips
from mmaction_mer.datasets.video.rate import at_rate, measure
from mmaction_mer.datasets.video.reader import open_video
from mmaction_mer.utils.errors import MERDataError

MS = Fraction(1, 1000)
#: A screen recorder: 30 Hz, some frames dropped where nothing changed.
DROPPED = [n for n in range(40) if n not in (5, 6, 7, 13, 22, 23, 31)]


def dropped(folder, name='screen.mkv', header=25):
    """Frames of a scene at 30 Hz, each with its number, some of them dropped."""
    from numbered_videos import level

    stamps = [round(1000 * n / 30) for n in DROPPED]
    levels = [level(n) for n in DROPPED]
    return write_numbered(
        folder / name, rate=header, stamps=stamps, tick=MS, levels=levels
    )


def row_of(path, onset, offset, fps):
    return dict(
        dataset='fake', subject='s', clip=path.stem, video=str(path), onset=onset,
        apex=None, offset=offset, fps=fps, label=0, emotion='', aus=[],
    )  # fmt: skip


@pytest.mark.parametrize('fps', [23.976, 25, 29.97, 30, 50, 60, 100, 120, 200, 240])
@pytest.mark.parametrize('tick', [1 / 90000, 1 / 600, 1e-3])
def test_stamps_that_are_rounded_are_steady(fps, tick):
    """Containers round time stamps: mkv, webm and flv to a millisecond."""
    times = np.round(np.arange(300) / fps / tick) * tick
    rate = measure(times, tick)
    assert rate.constant and rate.fps == pytest.approx(fps, rel=1e-3)
    assert measure(times, tick, fps).fps == pytest.approx(fps, abs=1e-6)
    # A header that the stamps deny counts for nothing.
    assert measure(times, tick, 2 * fps).fps == pytest.approx(fps, rel=1e-3)


@pytest.mark.parametrize('tick', [1e-3, 1 / 30])
def test_a_frame_that_was_dropped_is_no_rounding(tick):
    times = np.delete(np.arange(60) / 30, 20)
    rate = measure(np.round(times / tick) * tick, tick)
    assert not rate.constant and rate.fps == 30


@pytest.mark.parametrize('fps', [24, 25, 30, 50, 60, 90, 100, 120, 144, 200, 240])
@pytest.mark.parametrize('tick', [1e-3, 1 / 90000])
def test_a_variable_rate_is_not_that_of_a_rounded_step(fps, tick):
    """Dropped frames in mkv and webm: 60 Hz has steps of 16 and 17 ms."""
    times = np.delete(np.arange(240) / fps, [20, 21, 22, 23, 24, 25, 90, 91, 150])
    rate = measure(np.round(times / tick) * tick, tick)
    assert not rate.constant and rate.fps == fps


@pytest.mark.parametrize('fps', [60, Fraction(60000, 1001), 120])
@pytest.mark.parametrize('count', [2, 3, 4])
def test_a_header_that_rounded_stamps_agree_with_is_not_denied(tmp_path, fps, count):
    """A video of few frames in mkv is 60 Hz by 17 ms, and no note says 58.8."""
    levels = [60 + 8 * number for number in range(count)]
    stamps = [round(1000 * number / fps) for number in range(count)]
    path = write_numbered(
        tmp_path / 'a.mkv', rate=fps, stamps=stamps, tick=MS, levels=levels
    )
    source = open_source(path)
    assert source.fps == pytest.approx(float(fps), abs=1e-4) and not source.notes


@pytest.mark.parametrize(
    'times',
    [[0.0], [0, 0, 0], [0, 2, 1], [0, 1 / 90000, 2 / 90000], [0, 10, 20], [0, np.nan]],
)
def test_stamps_that_support_no_rate(times):
    assert measure(np.array(times, float)) is None


def test_at_each_step_the_nearest_frame_is_taken():
    times = np.array(DROPPED) / 30
    picks = at_rate(times, 30, 1000)
    assert np.array(DROPPED)[picks].tolist() == [
        *range(5), 4, 4, 8, 8, *range(9, 13), 12, *range(14, 22), 21, 24,
        *range(24, 31), 30, *range(32, 40),
    ]  # fmt: skip
    # Of two that are equally near, the earlier.
    with pytest.raises(ValueError, match='at the most'):
        at_rate(np.array([0.0, 1e9]), 1000, 1_000_000)


@pytest.mark.parametrize('header', [15, 60, 1000])
def test_a_header_that_the_stamps_deny(tmp_path, header):
    """Screen recorders, phones and browsers write any rate into the header."""
    stamps = [round(1000 * n / 30) for n in range(40)]
    path = write_numbered(tmp_path / 'a.mkv', rate=header, stamps=stamps, tick=MS)
    assert open_source(path).fps == pytest.approx(30, rel=1e-3)
    assert open_video(str(path)).rate.constant


@pytest.mark.parametrize('name', ['screen.mkv', 'screen.mp4', 'screen.webm'])
def test_a_variable_rate_is_resampled_by_time(tmp_path, name):
    """Predict and training see one scene at one constant rate, and say so."""
    from numbered_videos import level

    path = tmp_path / name
    write_numbered(
        path,
        codec='vp8' if name.endswith('webm') else 'h264',
        stamps=[round(1000 * n / 30) for n in DROPPED],
        tick=MS,
        levels=[level(n) for n in DROPPED],
    )
    source = open_source(path)
    seen = numbers_of(source.frames())
    assert source.fps == 30 and source.count == len(seen) == 40
    # Never more than the time of the longest gap away from what happened then.
    assert np.abs(np.array(seen) - np.arange(40)).max() <= 2
    assert [n for n in seen if n in DROPPED] == seen and sorted(seen) == seen
    assert '33' in source.notes[0] and 'resampled to 30 Hz' in source.notes[0]
    row = row_of(path, 0, len(DROPPED) - 1, 30.0)
    clip = load_clip(row)
    assert numbers_of(clip['imgs']) == seen and clip['fps'] == 30
    few = load_clip(row, 14)
    assert numbers_of(few['imgs']) == seen[::3]
    assert few['fps'] == pytest.approx(10)
    notes = usable_clips([row], str(tmp_path)).notes
    assert len(notes) == 1 and 'resampled to 30 Hz' in notes[0]
    # Between two frames of the clip, by their numbers in the file.
    part = load_clip(row_of(path, 5, 12, 30.0))
    first, last = DROPPED[5], DROPPED[12]
    assert len(part['imgs']) == last - first + 1
    assert numbers_of(part['imgs'])[0] == first and numbers_of(part['imgs'])[-1] == last


def test_what_a_person_gives_counts_and_is_noted(tmp_path):
    """A recording stored to be played slowly: times shrink by the ratio."""
    path = dropped(tmp_path)
    source = open_source(path, fps=240)
    assert source.fps == 240 and source.count == 40
    assert any('240 Hz is given' in note for note in source.notes)
    clip = load_clip(row_of(path, 0, len(DROPPED) - 1, 240.0), 14)
    assert clip['fps'] == pytest.approx(80)
    constant = write_numbered(tmp_path / 'slow.mp4')
    found = check_clips([row_of(constant, 0, 39, 200.0)], tmp_path)
    assert len(found.notes) == 1 and '200 Hz is given' in found.notes[0]
    assert '25 Hz' in found.notes[0]
    # The mean of a variable rate is no other speed.
    assert open_source(path, fps=25.4).count == 34


@pytest.mark.parametrize('name', ['alike.mkv', 'absurd.mp4'])
def test_a_rate_that_no_stamp_supports_is_refused(tmp_path, name):
    """All stamps alike, or 90,000 frames a second."""
    path = tmp_path / name
    # Matroska rounds to milliseconds.
    write_numbered(path, stamps=range(40), tick=Fraction(1, 90000))
    with pytest.raises(MERDataError, match=rf'{name}: .*frame rate.*give fps'):
        open_source(path)
    given = open_source(path, fps=100)
    assert given.fps == 100 and numbers_of(given.frames()) == list(range(given.count))


def test_a_pause_does_not_fill_the_memory(tmp_path):
    stamps = [*range(0, 1000, 33), 10_000_000]
    path = write_numbered(
        tmp_path / 'a.mkv', stamps=stamps, tick=MS, levels=[99] * len(stamps)
    )
    with pytest.raises(MERDataError, match=r'a\.mkv: .*cut it'):
        open_source(path, limits=Limits(frames=6000))
    with pytest.raises(MERDataError, match='longer than 20 seconds'):
        open_source(path, limits=Limits(seconds=20))


@pytest.mark.parametrize('given', [20.0, 22.5, 24.0, 26.0])
def test_a_given_rate_near_the_mean_is_that_of_the_file(given):
    """Steps of 50 ms, every third of 20 ms: 20 Hz mostly, 25 Hz on average.

    The mean lies above the rate of most steps. A rate near either is that of the file,
    so that frames are taken at it: taken at 20 Hz and called 25 Hz, they are a quarter
    too fast.
    """
    rate = measure(np.cumsum([0.0] + [0.05, 0.05, 0.02] * 20), 0.001)
    assert rate is not None and not rate.constant
    assert (rate.fps, rate.mean) == (20.0, pytest.approx(25.0))
    assert rate.sampled_at(given) == given
    assert rate.sampled_at(200.0) == rate.sampled_at(5.0) == 20.0
