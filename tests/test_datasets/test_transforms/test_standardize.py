import numpy as np
import pytest
from data_errors import raises_data_error
from toy_clips import make_results

from mmaction_mer.datasets import StandardizeLength


def test_keeps_the_ends_and_the_duration():
    results = make_results(31)
    first, last = results['imgs'][0], results['imgs'][-1]
    out = StandardizeLength(16)(results)
    assert len(out['imgs']) == out['clip_len'] == 16 and out['fps'] == 100
    assert out['imgs'][3].dtype == np.uint8
    assert (out['imgs'][0] == first).all() and (out['imgs'][-1] == last).all()


def test_short_clips_are_interpolated():
    results = make_results(2)
    first, last = (frame.astype(float) for frame in results['imgs'])
    out = StandardizeLength(16)(results)
    expected = first + (last - first) * 5 / 15
    np.testing.assert_allclose(out['imgs'][5], expected, atol=0.51)


@pytest.mark.parametrize('frames', [0, 1])
def test_one_frame_or_none(frames):
    results = make_results(2)
    results['imgs'] = results['imgs'][:frames]
    with raises_data_error('at least two', clip='c001', hint=True):
        StandardizeLength(16)(results)


def test_averaging_needs_all_frames():
    results = make_results(16, fps=50.0) | {'total_frames': 60}
    with raises_data_error('max_frames=None in LoadMERFrames', clip='c001'):
        StandardizeLength(16, average=True)(results)
