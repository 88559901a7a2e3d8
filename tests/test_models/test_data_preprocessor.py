"""The front end on the device equals the one in the pipeline."""

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate

from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.models import MERDataPreprocessor
from mmaction_mer.motion import (
    EulerianMagnification,
    PackMERInputs,
    RankPooling,
    StandardizeLength,
)

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


@pytest.mark.parametrize('steady', [False, True])
def test_device_and_pipeline_agree(steady):
    preprocessor = MERDataPreprocessor(**PREPROCESSOR, steady=steady)
    device = preprocessor(clips([]))['inputs']
    streams = [EulerianMagnification(steady=steady), RankPooling(steady=steady)]
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
    with pytest.raises(MERDataError, match='no fps'):
        preprocessor(batch)
    batch = clips([])
    batch['inputs']['clip'][1] = batch['inputs']['clip'][1][..., :8]
    batch['data_samples'][1].set_metainfo(dict(clip='c8'))
    with pytest.raises(MERDataError, match='and c8: clips of one batch differ in'):
        preprocessor(batch)
