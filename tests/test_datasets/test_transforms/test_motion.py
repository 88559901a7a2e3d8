"""The transforms, alone and among mmaction's own."""

import logging

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose

from mmaction_mer.datasets import (
    EulerianMagnification,
    PackMERInputs,
    PassBandCheck,
    RankPooling,
    StandardizeLength,
)
from mmaction_mer.motion import magnify, rank_pool
from mmaction_mer.utils.errors import MERDataError

MOTION = EulerianMagnification(output='motion')
RANK = RankPooling(output='rank_image')


def make_results(frames=31, size=(40, 48), fps=200.0):
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 256, (frames, *size, 3), dtype=np.uint8)
    return dict(
        imgs=list(clip),
        fps=fps,
        clip='c001',
        dataset='toy',
        subject='sub01',
        label=1,
        modality='RGB',
        num_clips=1,
        clip_len=frames,
        img_shape=size,
        original_shape=size,
    )


def test_registered_in_mmaction():
    for name in (
        'EulerianMagnification',
        'RankPooling',
        'StandardizeLength',
        'PackMERInputs',
    ):
        assert TRANSFORMS.get(name) is not None


def test_standardize_keeps_the_ends_and_the_time():
    results = make_results(31)
    first, last = results['imgs'][0], results['imgs'][-1]
    out = StandardizeLength(16)(results)
    assert len(out['imgs']) == out['clip_len'] == 16
    assert out['fps'] == 100
    assert out['imgs'][3].dtype == np.uint8
    assert (out['imgs'][0] == first).all()
    assert (out['imgs'][-1] == last).all()


def test_short_clips_are_interpolated():
    results = make_results(2)
    first, last = (frame.astype(float) for frame in results['imgs'])
    out = StandardizeLength(16)(results)
    np.testing.assert_allclose(
        out['imgs'][5], first + (last - first) * 5 / 15, atol=0.51
    )


@pytest.mark.parametrize('frames', [0, 1])
def test_one_frame_or_none_names_the_clip(frames):
    results = make_results(2)
    results['imgs'] = results['imgs'][:frames]
    with pytest.raises(ValueError, match='c001.*at least two'):
        StandardizeLength(16)(results)


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
def test_geometry_applies_to_both_streams_or_is_refused(geometry):
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
        np.testing.assert_allclose(
            motion.numpy(), np.moveaxis(magnify(clip, 100.0), -1, 1), atol=1e-2
        )
        np.testing.assert_allclose(
            image.numpy(), np.moveaxis(rank_pool(clip), -1, 0), atol=1e-2
        )
    late = [steps[0], *steps[2:4], geometry, steps[4]]
    with pytest.raises(ValueError, match='after'):
        Compose([TRANSFORMS.build(step) for step in late])(make_results(31))


def test_streams_come_in_pairs():
    results = MOTION(StandardizeLength(16)(make_results(31)))
    with pytest.raises(ValueError, match='without the other'):
        PackMERInputs()(results)


def test_video_output_magnifies_every_clip_by_itself():
    results = make_results(32)
    results.update(clip_len=16, num_clips=2)
    clip = np.stack(results['imgs'])
    out = EulerianMagnification(alpha=5)(results)
    expected = magnify(clip[16:], 200.0, alpha=5, add_original=True)
    np.testing.assert_array_equal(
        np.stack(out['imgs'][16:]), np.clip(np.rint(expected), 0, 255)
    )


def test_pooling_to_images_for_stock_recognizers():
    results = make_results(32)
    results.update(clip_len=16, num_clips=2)
    out = RankPooling()(results)
    assert len(out['imgs']) == 2
    assert out['clip_len'] == 1
    assert out['imgs'][0].dtype == np.uint8


def test_frame_rates_of_mmactions_readers_and_none_at_all():
    results = make_results(16)
    del results['fps']
    results.update(avg_fps=30.0, frame_interval=2)
    clip = np.stack(results['imgs'])
    np.testing.assert_array_equal(MOTION(dict(results))['motion'], magnify(clip, 15.0))
    del results['avg_fps']
    with pytest.raises(MERDataError, match='c001: no frame rate.*fps='):
        MOTION(results)
    # What is given is the recording's rate, of which every second frame is here.
    given = EulerianMagnification(fps=30.0, output='motion')
    np.testing.assert_array_equal(given(results)['motion'], magnify(clip, 15.0))


def test_clamped_bands_are_said_once_per_dataset(caplog):
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING):
            # Every fold builds its transforms anew and meets another clip first.
            for fps in (5.0, 6.0):
                notice = PassBandCheck(0.4, 4.0)
                for dataset in ('mmew', 'mmew', 'casme3', 'mmew'):
                    notice(fps, dataset)
                notice(50.0, 'casme2')
    finally:
        logger.removeHandler(caplog.handler)
    said = [record.getMessage() for record in caplog.records]
    assert sum('mmew:' in text for text in said) == 1
    assert sum('casme3:' in text for text in said) == 1
    assert not any('casme2:' in text for text in said)


@pytest.mark.parametrize('transform', [EulerianMagnification, RankPooling])
def test_unknown_output_is_refused(transform):
    with pytest.raises(ValueError, match='output'):
        transform(output='video')


def test_a_band_that_a_clip_cannot_hold_names_the_clip():
    with pytest.raises(MERDataError, match='clip c001 of toy, fps: .*0.4-4 Hz'):
        EulerianMagnification()(make_results(16, fps=0.5))


def test_averaging_wants_all_frames():
    results = make_results(16, fps=50.0)
    results['total_frames'] = 60
    with pytest.raises(MERDataError, match='max_frames=None in LoadMERFrames'):
        StandardizeLength(16, average=True)(results)
