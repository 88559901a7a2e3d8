"""Rates and times are those of the time stamps, not of the header."""

from fractions import Fraction

import numpy as np
import pytest
from fake_clips import video_row
from numbered_videos import level, numbers_of, write_numbered

from mmaction_mer.apis import SourceLimits, open_frame_source
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip, usable_clips
from mmaction_mer.datasets.video.rate import at_rate, measure
from mmaction_mer.datasets.video.reader import open_video
from mmaction_mer.utils.errors import MERDataError

MS = Fraction(1, 1000)
#: A screen recorder at 30 Hz that drops frames without changes.
DROPPED = [n for n in range(40) if n not in (5, 6, 7, 13, 22, 23, 31)]


def write_dropped(path, codec='h264'):
    """Write frames of a scene at 30 Hz, some of which are dropped."""
    return write_numbered(
        path,
        codec=codec,
        stamps=[round(1000 * n / 30) for n in DROPPED],
        tick=MS,
        levels=[level(n) for n in DROPPED],
    )


def row_of(path, onset, offset, fps):
    return video_row(path, clip=path.stem, onset=onset, offset=offset, fps=fps)


@pytest.mark.parametrize('fps', [23.976, 25, 29.97, 30, 50, 60, 100, 120, 200, 240])
@pytest.mark.parametrize('tick', [1 / 90000, 1 / 600, 1e-3])
def test_rounded_stamps_have_a_constant_rate(fps, tick):
    """mkv, webm and flv round time stamps to milliseconds."""
    times = np.round(np.arange(300) / fps / tick) * tick
    rate = measure(times, tick)
    assert rate.constant and rate.fps == pytest.approx(fps, rel=1e-3)
    assert measure(times, tick, fps).fps == pytest.approx(fps, abs=1e-6)
    # A header that disagrees with the stamps is ignored.
    assert measure(times, tick, 2 * fps).fps == pytest.approx(fps, rel=1e-3)


def test_a_dropped_frame_is_not_rounding():
    times = np.delete(np.arange(60) / 30, 20)
    for tick in (1e-3, 1 / 30):
        rate = measure(np.round(times / tick) * tick, tick)
        assert not rate.constant and rate.fps == 30


@pytest.mark.parametrize('fps', [24, 25, 30, 50, 60, 90, 100, 120, 144, 200, 240])
@pytest.mark.parametrize('tick', [1e-3, 1 / 90000])
def test_the_rate_of_most_steps_is_not_rounded(fps, tick):
    """In mkv and webm, 60 Hz has steps of 16 and 17 ms."""
    times = np.delete(np.arange(240) / fps, [20, 21, 22, 23, 24, 25, 90, 91, 150])
    rate = measure(np.round(times / tick) * tick, tick)
    assert not rate.constant and rate.fps == fps


@pytest.mark.parametrize('fps', [60, Fraction(60000, 1001), 120])
@pytest.mark.parametrize('count', [2, 3, 4])
def test_the_header_is_used_if_rounded_stamps_agree(tmp_path, fps, count):
    """A short mkv with a step of 17 ms has 60 Hz, not 58.8, without a note."""
    levels = [60 + 8 * number for number in range(count)]
    stamps = [round(1000 * number / fps) for number in range(count)]
    path = write_numbered(
        tmp_path / 'a.mkv', rate=fps, stamps=stamps, tick=MS, levels=levels
    )
    source = open_frame_source(path)
    assert source.fps == pytest.approx(float(fps), abs=1e-4) and not source.notes


@pytest.mark.parametrize(
    'times',
    [[0.0], [0, 0, 0], [0, 2, 1], [0, 1 / 90000, 2 / 90000], [0, 10, 20], [0, np.nan]],
)
def test_stamps_without_a_valid_rate(times):
    assert measure(np.array(times, float)) is None


def test_resampling_takes_the_nearest_frame():
    times = np.array(DROPPED) / 30
    picks = at_rate(times, 30, 1000)
    assert np.array(DROPPED)[picks].tolist() == [
        *range(5), 4, 4, 8, 8, *range(9, 13), 12, *range(14, 22), 21, 24,
        *range(24, 31), 30, *range(32, 40),
    ]  # fmt: skip
    with pytest.raises(ValueError, match='more than'):
        at_rate(np.array([0.0, 1e9]), 1000, 1_000_000)


@pytest.mark.parametrize('header', [15, 60, 1000])
def test_a_wrong_header_is_ignored(tmp_path, header):
    """Screen recorders, phones and browsers write any rate into the header."""
    stamps = [round(1000 * n / 30) for n in range(40)]
    path = write_numbered(tmp_path / 'a.mkv', rate=header, stamps=stamps, tick=MS)
    assert open_frame_source(path).fps == pytest.approx(30, rel=1e-3)
    assert open_video(str(path)).rate.constant


@pytest.mark.parametrize('name', ['screen.mkv', 'screen.mp4', 'screen.webm'])
def test_a_variable_rate_is_resampled(tmp_path, name):
    """Prediction and training use the same constant rate, with a note."""
    path = write_dropped(tmp_path / name, 'vp8' if name.endswith('webm') else 'h264')
    source = open_frame_source(path)
    seen = numbers_of(source.frames())
    assert source.fps == 30 and source.count == len(seen) == 40
    # Never farther in time than the longest gap.
    assert np.abs(np.array(seen) - np.arange(40)).max() <= 2
    assert [n for n in seen if n in DROPPED] == seen and sorted(seen) == seen
    assert '33' in source.notes[0] and 'resampled to 30 Hz' in source.notes[0]
    one = row_of(path, 0, len(DROPPED) - 1, 30.0)
    clip = load_clip(one)
    assert numbers_of(clip['imgs']) == seen and clip['fps'] == 30
    few = load_clip(one, 14)
    assert numbers_of(few['imgs']) == seen[::3]
    assert few['fps'] == pytest.approx(10)
    notes = usable_clips([one], str(tmp_path)).notes
    assert len(notes) == 1 and 'resampled to 30 Hz' in notes[0]
    # Onset and offset are numbers of frames in the file.
    part = load_clip(row_of(path, 5, 12, 30.0))
    first, last = DROPPED[5], DROPPED[12]
    assert len(part['imgs']) == last - first + 1
    assert numbers_of(part['imgs'])[0] == first and numbers_of(part['imgs'])[-1] == last


def test_a_given_rate_is_used_and_noted(tmp_path):
    """For a recording that is stored for slow playback."""
    path = write_dropped(tmp_path / 'screen.mkv')
    source = open_frame_source(path, fps=240)
    assert source.fps == 240 and source.count == 40
    assert any('240 Hz is given' in note for note in source.notes)
    clip = load_clip(row_of(path, 0, len(DROPPED) - 1, 240.0), 14)
    assert clip['fps'] == pytest.approx(80)
    constant = write_numbered(tmp_path / 'slow.mp4')
    found = check_clips([row_of(constant, 0, 39, 200.0)], tmp_path)
    assert len(found.notes) == 1 and '200 Hz is given' in found.notes[0]
    assert '25 Hz' in found.notes[0]
    # The mean of a variable rate is not another playback speed.
    assert open_frame_source(path, fps=25.4).count == 34


@pytest.mark.parametrize('name', ['alike.mkv', 'absurd.mp4'])
def test_a_missing_rate_has_to_be_given(tmp_path, name):
    """All stamps are equal, or have 90,000 Hz."""
    path = tmp_path / name
    # Matroska rounds to milliseconds.
    write_numbered(path, stamps=range(40), tick=Fraction(1, 90000))
    with pytest.raises(MERDataError, match='frame rate.*give fps'):
        open_frame_source(path)
    given = open_frame_source(path, fps=100)
    assert given.fps == 100 and numbers_of(given.frames()) == list(range(given.count))


def test_a_pause_does_not_exhaust_the_memory(tmp_path):
    stamps = [*range(0, 1000, 33), 10_000_000]
    path = write_numbered(
        tmp_path / 'a.mkv', stamps=stamps, tick=MS, levels=[99] * len(stamps)
    )
    with pytest.raises(MERDataError, match='more than 6000'):
        open_frame_source(path, limits=SourceLimits(frames=6000))
    with pytest.raises(MERDataError, match='longer than 20 seconds'):
        open_frame_source(path, limits=SourceLimits(seconds=20))


@pytest.mark.parametrize('given', [20.0, 22.5, 24.0, 26.0])
def test_a_given_rate_near_the_mean_is_that_of_the_file(given):
    """Steps of 50 ms, every third of 20 ms: 20 Hz mostly, 25 Hz on average.

    A rate near either is that of the file, and frames are resampled to it: frames at
    20 Hz that are called 25 Hz would be a quarter too fast.
    """
    rate = measure(np.cumsum([0.0] + [0.05, 0.05, 0.02] * 20), 0.001)
    assert rate is not None and not rate.constant
    assert (rate.fps, rate.mean) == (20.0, pytest.approx(25.0))
    assert rate.sampled_at(given) == given
    assert rate.sampled_at(200.0) == rate.sampled_at(5.0) == 20.0
