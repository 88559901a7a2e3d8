"""Windows: every frame, in order, and no more of them held than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction_mer.apis.windows import sliding_windows


@given(st.integers(0, 80), st.integers(2, 20), st.data())
def test_every_frame_is_in_a_window_and_where_it_should_be(total, length, data):
    stride = data.draw(st.integers(1, length))
    windows = list(sliding_windows(range(total), length, stride))
    for start, frames in windows:
        assert frames == list(range(start, start + len(frames)))
        assert len(frames) == min(length, total)
    seen = {frame for _, frames in windows for frame in frames}
    assert seen == set(range(total))
    starts = [start for start, _ in windows]
    assert starts == sorted(set(starts))
    assert all(b - a <= stride for a, b in zip(starts, starts[1:], strict=False))


def test_frames_are_taken_as_they_are_needed():
    taken = []

    def frames():
        for number in range(100):
            taken.append(number)
            yield number

    windows = sliding_windows(frames(), 10, 5)
    next(windows)
    assert len(taken) == 10
    next(windows)
    assert len(taken) == 15


@pytest.mark.parametrize(('length', 'stride'), [(1, 1), (4, 0), (4, 5)])
def test_impossible_windows(length, stride):
    with pytest.raises(ValueError, match='a window has 2 frames or more'):
        list(sliding_windows(range(9), length, stride))
