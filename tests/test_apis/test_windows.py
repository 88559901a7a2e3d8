"""Windows have every frame, in order, and hold no more of them than needed."""

from hypothesis import given
from hypothesis import strategies as st

from mmaction_mer.apis.windows import sliding_windows


@given(st.integers(0, 80), st.integers(2, 20), st.data())
def test_every_frame_is_in_a_window_at_its_place(total, length, data):
    stride = data.draw(st.integers(1, length))
    windows = list(sliding_windows(range(total), length, stride))
    for start, frames in windows:
        assert frames == list(range(start, start + len(frames)))
        assert len(frames) == min(length, total)
    assert {frame for _, frames in windows for frame in frames} == set(range(total))
    starts = [start for start, _ in windows]
    assert starts == sorted(set(starts))
    assert all(b - a <= stride for a, b in zip(starts, starts[1:], strict=False))


def test_frames_are_taken_when_they_are_needed():
    frames = iter(range(100))
    windows = sliding_windows(frames, 10, 5)
    next(windows)
    next(windows)
    assert next(frames) == 15
