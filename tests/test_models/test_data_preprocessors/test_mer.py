"""The front end on the device equals the one in the pipeline."""

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate

from mmaction_mer.datasets import (
    EulerianMagnification,
    PackMERInputs,
    RankPooling,
    StandardizeLength,
)
from mmaction_mer.models import MERDataPreprocessor
from mmaction_mer.utils.errors import MERDataError

PREPROCESSOR = dict(mean=(100.0, 110.0, 120.0), std=(50.0, 55.0, 60.0), motion_std=30.0)


def clips(transforms, rates=(200.0, 60.0, 30.0)):
    rng = np.random.default_rng(0)
    pipeline = Compose([StandardizeLength(16), *transforms, PackMERInputs()])
    samples = []
    for index, fps in enumerate(rates):
        frames = rng.integers(0, 256, (20 + index, 24, 32, 3), dtype=np.uint8)
        samples.append(
            pipeline(dict(imgs=list(frames), fps=fps, clip=str(index), label=0))
        )
    return pseudo_collate(samples)


@pytest.mark.parametrize('remove_head_motion', [False, True])
def test_device_and_pipeline_agree(remove_head_motion):
    preprocessor = MERDataPreprocessor(
        **PREPROCESSOR, remove_head_motion=remove_head_motion
    )
    device = preprocessor(clips([]))['inputs']
    streams = [
        EulerianMagnification(remove_head_motion=remove_head_motion, output='motion'),
        RankPooling(remove_head_motion=remove_head_motion, output='rank_image'),
    ]
    pipeline = preprocessor(clips(streams))['inputs']
    assert device['image'].shape == (3, 3, 24, 32)
    assert device['motion'].shape == (3, 16, 3, 24, 32)
    for key in ('image', 'motion'):
        torch.testing.assert_close(device[key], pipeline[key], rtol=1e-4, atol=2e-3)


def test_normalisation():
    preprocessor = MERDataPreprocessor(**PREPROCESSOR)
    image = torch.full((1, 3, 4, 4), 150.0)
    out = preprocessor(
        dict(inputs=dict(image=image, motion=torch.full((1, 16, 3, 4, 4), 60.0)))
    )
    assert out['inputs']['image'][0, :, 0, 0].tolist() == [
        1.0,
        pytest.approx(40 / 55),
        0.5,
    ]
    assert (out['inputs']['motion'] == 2).all()


def test_alpha_zero_means_no_motion():
    preprocessor = MERDataPreprocessor(alpha=0.0)
    assert (preprocessor(clips([]))['inputs']['motion'] == 0).all()


def test_missing_rates_and_unequal_shapes_are_named():
    preprocessor = MERDataPreprocessor()
    batch = clips([])
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(clip='c7'))
        del sample.fps
    with pytest.raises(MERDataError) as error:
        preprocessor(batch)
    assert (error.value.clip, error.value.field) == ('c7', 'fps')
    assert 'PackMERInputs' in error.value.hint
    batch = clips([])
    batch['inputs']['clip'][1] = batch['inputs']['clip'][1][..., :8]
    batch['data_samples'][1].set_metainfo(dict(clip='c8'))
    with pytest.raises(MERDataError, match='and c8: clips of one batch differ in'):
        preprocessor(batch)


def test_both_streams_are_augmented_alike_and_in_training_alone():
    plain = MERDataPreprocessor(**PREPROCESSOR)(clips([]))['inputs']
    augmented = MERDataPreprocessor(
        **PREPROCESSOR, augmentation=dict(crop=16, flip=1.0)
    )
    tested = augmented(clips([]))['inputs']
    assert torch.equal(tested['image'], plain['image'][..., 4:20, 8:24])
    assert torch.equal(tested['motion'], plain['motion'][..., 4:20, 8:24])
    torch.manual_seed(3)
    trained = augmented(clips([]), training=True)['inputs']
    torch.manual_seed(3)
    geometry = augmented.augmentation.draw(3)
    for clip in range(3):
        top, left = int(geometry.top[clip] * 9), int(geometry.left[clip] * 17)
        for key in ('image', 'motion'):
            place = plain[key][clip][..., top : top + 16, left : left + 16]
            assert torch.equal(trained[key][clip], place.flip(-1))


def test_motion_of_a_flipped_clip_is_the_flipped_motion():
    batch = clips([])
    mirrored = clips([])
    mirrored['inputs']['clip'] = [one.flip(-1) for one in mirrored['inputs']['clip']]
    for remove_head_motion in (False, True):
        preprocessor = MERDataPreprocessor(
            **PREPROCESSOR, remove_head_motion=remove_head_motion
        )
        one, other = (preprocessor(part)['inputs'] for part in (batch, mirrored))
        for key in ('image', 'motion'):
            torch.testing.assert_close(
                one[key].flip(-1), other[key], rtol=1e-3, atol=5e-3
            )


def test_half_precision_leaves_the_front_end_alone():
    preprocessor = MERDataPreprocessor(**PREPROCESSOR)
    full = preprocessor(clips([]))['inputs']
    with torch.autocast('cpu', torch.bfloat16):
        mixed = preprocessor(clips([]))['inputs']
    assert torch.equal(full['motion'], mixed['motion'])


def test_precomputed_streams_are_augmented_too():
    preprocessor = MERDataPreprocessor(**PREPROCESSOR, augmentation=dict(crop=8))
    streams = [
        EulerianMagnification(output='motion'),
        RankPooling(output='rank_image'),
    ]
    out = preprocessor(clips(streams))['inputs']
    assert out['image'].shape == (3, 3, 8, 8)
    assert out['motion'].shape == (3, 16, 3, 8, 8)
