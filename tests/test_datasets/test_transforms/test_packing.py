"""Packing by this package and by mmaction, among mmaction's transforms."""

import numpy as np
import pytest
from data_errors import raises_data_error
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose
from toy_clips import make_results, random_clip, sampled

from mmaction_mer.datasets import (
    EulerianMagnification,
    PackMERInputs,
    RankPooling,
    StandardizeLength,
)
from mmaction_mer.motion import magnify, rank_pool

MOTION = EulerianMagnification(output='motion')
RANK = RankPooling(output='rank_image')
SAMPLER = dict(type='SampleFrames', clip_len=16)
FORMAT = dict(type='FormatShape', input_format='NCHW')


def test_transforms_equal_the_functions():
    results = StandardizeLength(16)(make_results(31))
    clip = np.stack(results['imgs'])
    streams = [EulerianMagnification(alpha=10, output='motion'), RANK]
    out = Compose(streams)(results)
    np.testing.assert_array_equal(out['motion'], magnify(clip, 100.0, alpha=10))
    np.testing.assert_array_equal(out['rank_image'], rank_pool(clip))


def test_packed_streams_and_packed_clip():
    results = StandardizeLength(16)(make_results(31))
    packed = PackMERInputs()(dict(results))
    assert packed['inputs']['clip'].shape == (16, 3, 40, 48)
    sample = packed['data_samples']
    assert (sample.subject, sample.clip, sample.fps) == ('sub01', 'c001', 100)
    assert sample.gt_label.tolist() == [1]
    with raises_data_error('without the other', clip='c001', hint=True):
        PackMERInputs()(MOTION(dict(results)))
    both = PackMERInputs()(RANK(MOTION(results)))
    assert both['inputs']['motion'].shape == (16, 3, 40, 48)
    assert both['inputs']['image'].shape == (3, 40, 48)


@pytest.mark.parametrize(
    'geometry',
    [
        dict(type='Flip', flip_ratio=1.0),
        dict(type='RandomCrop', size=32),
        dict(type='CenterCrop', crop_size=32),
        dict(type='Resize', scale=(20, 20), keep_ratio=False),
    ],
)
def test_geometric_transforms_come_before_both_streams(geometry):
    steps = [
        dict(type='StandardizeLength', length=16),
        geometry,
        dict(type='EulerianMagnification', output='motion'),
        dict(type='RankPooling', output='rank_image'),
        dict(type='PackMERInputs'),
    ]
    np.random.seed(0)
    packed = Compose([TRANSFORMS.build(step) for step in steps])(make_results(31))
    image, motion = packed['inputs']['image'], packed['inputs']['motion']
    assert image.shape[-2:] == motion.shape[-2:]
    if geometry['type'] == 'Flip':
        plain = StandardizeLength(16)(make_results(31))
        clip = np.stack(plain['imgs'])[:, :, ::-1]
        for found, expected in (
            (motion, np.moveaxis(magnify(clip, 100.0), -1, 1)),
            (image, np.moveaxis(rank_pool(clip), -1, 0)),
        ):
            np.testing.assert_allclose(found.numpy(), expected, atol=1e-2)
    late = [steps[0], *steps[2:4], geometry, steps[4]]
    with raises_data_error('after', clip='c001', hint=True):
        Compose([TRANSFORMS.build(step) for step in late])(make_results(31))


def test_packed_samples_have_the_frame_rate():
    """Readers of mmaction before PackMERInputs, which packs one clip."""
    every = dict(SAMPLER, frame_interval=4)
    for rates in (dict(fps=200.0), dict(avg_fps=200.0)):
        packed = PackMERInputs()(sampled(every, **rates))
        assert packed['data_samples'].fps == 50
    assert packed['inputs']['clip'].shape == (16, 3, 8, 8)
    with raises_data_error('2 clips', clip='clip.mp4', hint=True):
        PackMERInputs()(sampled(dict(every, num_clips=2), fps=200.0))


@pytest.mark.parametrize('transform', [EulerianMagnification(), RankPooling()])
def test_replaced_frames_are_not_magnified_again(transform):
    """A transform with output='imgs', the default, before this package's packer."""
    name = type(transform).__name__
    with raises_data_error(f"{name}(output='imgs')", clip='clip.mp4', hint=True):
        PackMERInputs()(transform(sampled(SAMPLER, fps=200.0)))


@pytest.mark.parametrize(
    ('transform', 'stream'), [(MOTION, 'motion'), (RANK, 'rank_image')]
)
def test_mmactions_packer_drops_no_stream(transform, stream):
    """By default it packs only 'imgs', and would train on plain frames."""
    results = transform(sampled(SAMPLER, fps=200.0))
    results = TRANSFORMS.build(FORMAT)(results)
    pack = TRANSFORMS.build(dict(type='PackActionInputs'))
    with raises_data_error(f"drop '{stream}'", clip='clip.mp4', hint=True):
        pack(dict(results))
    kept = TRANSFORMS.build(dict(type='PackActionInputs', collect_keys=(stream,)))
    assert list(kept(dict(results))['inputs']) == [stream]


def test_by_default_a_pipeline_of_mmaction_packs_the_motion():
    clip = random_clip()
    packed = {}
    for name in ('EulerianMagnification', 'RankPooling'):
        steps = Compose([dict(type=name), FORMAT, dict(type='PackActionInputs')])
        results = sampled(SAMPLER, fps=200.0) | {'imgs': list(clip)}
        packed[name] = steps(results)['inputs'].numpy()
    video = np.moveaxis(magnify(clip, 200.0, as_video=True), -1, 1)
    np.testing.assert_array_equal(packed['EulerianMagnification'], video)
    assert packed['RankPooling'].shape == (1, 3, 8, 8)
    assert packed['RankPooling'].max() == 255
