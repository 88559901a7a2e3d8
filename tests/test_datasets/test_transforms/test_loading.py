import numpy as np
import pytest
from mmaction.datasets.transforms import FormatShape, Resize
from mmaction.registry import TRANSFORMS
from mmengine.registry import init_default_scope

from mmaction_mer.datasets import StandardizeLength, frame_rate
from mmaction_mer.datasets.clips import locate
from mmaction_mer.datasets.transforms.loading import LoadMERFrames
from mmaction_mer.utils.errors import MERDataError


def test_all_keys(tmp_path, fake):
    fake.write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    results = LoadMERFrames(max_frames=4)(locate(fake.row(), str(tmp_path)))
    assert results['frame_inds'].tolist() == [3, 6, 9, 12]
    assert [int(image.mean().round()) for image in results['imgs']] == [30, 60, 90, 120]
    assert results['fps'] == pytest.approx(200 * 3 / 9)
    assert (results['clip_len'], results['num_clips']) == (4, 1)
    assert results['total_frames'] == 10
    assert results['original_shape'] == results['img_shape'] == (8, 8)
    assert results['label'] == 0 and results['onset'] == 3


def test_a_rate_given_afterwards_is_the_recordings(tmp_path, fake):
    """Four of ten frames at 100 Hz, said later, are 33.3 Hz apart; 7 of them 66.7."""
    fake.write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    results = LoadMERFrames(max_frames=4)(locate(fake.row(), str(tmp_path)))
    assert results['frame_step'] == pytest.approx(3)
    assert frame_rate(results, 100.0) == pytest.approx(100 / 3)
    longer = StandardizeLength(7)(results)
    assert frame_rate(longer) == pytest.approx(200 / 1.5)
    assert frame_rate(longer, 100.0) == pytest.approx(100 / 1.5)


@pytest.mark.parametrize('max_frames', [None, 10, 16])
def test_short_clips_come_whole(tmp_path, fake, max_frames):
    fake.write_frames(tmp_path / 'sub01' / 'c1', range(1, 15), 'img{:05d}.jpg')
    results = LoadMERFrames(max_frames)(locate(fake.row(), str(tmp_path)))
    assert results['frame_inds'].tolist() == list(range(3, 13))
    assert results['fps'] == 200.0


def test_videos(tmp_path, fake):
    fake.write_video(tmp_path / 'v.avi', 20)
    row = fake.row(
        video='v.avi', frame_dir=..., filename_tmpl=..., onset=0, apex=None, offset=18
    )
    results = LoadMERFrames(4)(locate(row, str(tmp_path)))
    assert results['frame_inds'].tolist() == [0, 6, 12, 18]
    assert results['img_shape'] == (48, 64)
    red = [int(image[..., 0].mean()) for image in results['imgs']]
    assert np.allclose(red, [0, 72, 144, 216], atol=4)


def test_transforms_of_mmaction_follow(tmp_path, fake):
    fake.write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    results = LoadMERFrames(4)(locate(fake.row(), str(tmp_path)))
    results = Resize(scale=(16, 16), keep_ratio=False)(results)
    results = FormatShape('NCHW')(results)
    assert results['imgs'].shape == (4, 3, 16, 16)


def test_it_is_registered():
    init_default_scope('mmaction')
    transform = TRANSFORMS.build(dict(type='LoadMERFrames', max_frames=8))
    assert repr(transform) == 'LoadMERFrames(max_frames=8)'


@pytest.mark.parametrize('max_frames', [1, 0, -4])
def test_one_frame_is_refused(max_frames):
    with pytest.raises(MERDataError, match='max_frames'):
        LoadMERFrames(max_frames)


def test_bad_frames_are_named(tmp_path, fake):
    folder = fake.write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    row = locate(fake.row(), str(tmp_path))
    fake.write_frames(folder, [9], size=16)
    with pytest.raises(MERDataError, match=r'img9\.jpg: clip fake/sub01/c1.*16x16'):
        LoadMERFrames()(dict(row))
    (folder / 'img9.jpg').write_text('no image')
    with pytest.raises(MERDataError, match=r'img9\.jpg: clip fake/sub01/c1: not a wh'):
        LoadMERFrames()(dict(row))
