import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import row, video_row, write_frames, write_video
from mmaction.datasets.transforms import FormatShape, Resize
from mmaction.registry import TRANSFORMS
from mmengine.registry import init_default_scope

from mmaction_mer.datasets import StandardizeLength, frame_rate
from mmaction_mer.datasets.clips import locate
from mmaction_mer.datasets.transforms.loading import LoadMERFrames


@pytest.fixture
def clip(tmp_path):
    """Write a clip of 14 frames, 10 of them from onset to offset."""
    write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    return locate(row(), str(tmp_path))


def test_all_keys(clip):
    results = LoadMERFrames(max_frames=4)(clip)
    assert results['frame_inds'].tolist() == [3, 6, 9, 12]
    assert [int(image.mean().round()) for image in results['imgs']] == [30, 60, 90, 120]
    assert results['fps'] == pytest.approx(200 * 3 / 9)
    assert (results['clip_len'], results['num_clips']) == (4, 1)
    assert results['total_frames'] == 10
    assert results['original_shape'] == results['img_shape'] == (8, 8)
    assert results['label'] == 0 and results['onset'] == 3
    results = Resize(scale=(16, 16), keep_ratio=False)(results)
    assert FormatShape('NCHW')(results)['imgs'].shape == (4, 3, 16, 16)


def test_a_rate_given_afterward_is_that_of_the_recording(clip):
    """4 of 10 frames of a recording at 100 Hz have 33.3 Hz; 7 of them 66.7 Hz."""
    results = LoadMERFrames(max_frames=4)(clip)
    assert results['frame_step'] == pytest.approx(3)
    assert frame_rate(results, 100.0) == pytest.approx(100 / 3)
    longer = StandardizeLength(7)(results)
    assert frame_rate(longer) == pytest.approx(200 / 1.5)
    assert frame_rate(longer, 100.0) == pytest.approx(100 / 1.5)


@pytest.mark.parametrize('max_frames', [None, 10, 16])
def test_short_clips_are_read_completely(clip, max_frames):
    results = LoadMERFrames(max_frames)(clip)
    assert results['frame_inds'].tolist() == list(range(3, 13))
    assert results['fps'] == 200.0


def test_videos(tmp_path):
    write_video(tmp_path / 'v.avi', 20)
    one = locate(video_row('v.avi', onset=0, offset=18), str(tmp_path))
    results = LoadMERFrames(4)(one)
    assert results['frame_inds'].tolist() == [0, 6, 12, 18]
    assert results['img_shape'] == (48, 64)
    red = [int(image[..., 0].mean()) for image in results['imgs']]
    assert np.allclose(red, [0, 72, 144, 216], atol=4)


def test_it_is_registered():
    init_default_scope('mmaction')
    transform = TRANSFORMS.build(dict(type='LoadMERFrames', max_frames=8))
    assert repr(transform) == 'LoadMERFrames(max_frames=8)'


def test_errors(clip, tmp_path):
    for max_frames in (1, 0, -4):
        with raises_data_error(field='max_frames'):
            LoadMERFrames(max_frames)
    with raises_data_error('onset', hint=True):
        LoadMERFrames()({'filename': 'a.mp4'})
    path = tmp_path / 'sub01' / 'c1' / 'img9.jpg'
    write_frames(path.parent, [9], size=16)
    with raises_data_error('16x16', path=path, clip='fake/sub01/c1'):
        LoadMERFrames()(dict(clip))
    path.write_text('not an image')
    with raises_data_error(path=path, clip='fake/sub01/c1', hint=True):
        LoadMERFrames()(dict(clip))
