"""What a model is given: the test pipeline's own, and where it lies in the frame."""

import cv2
import numpy as np
import pytest
import torch
from inference_toy import synthetic_clip
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config

from mmaction_mer.apis.clip_pipeline import ClipPipeline
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.utils.errors import MERDataError, MERRunError

PIPELINE = Config.fromfile('configs/mpt_vit-tiny_synthme.py').test_dataloader.dataset
LOAD = dict(type='LoadMERFrames', max_frames=None)


@pytest.mark.parametrize('limit', [None, 16])
def test_what_the_data_set_gives_to_the_bit(tmp_path, limit):
    make_release(tmp_path, Release(subjects=2, clips=2, size=112))
    pipeline = [dict(step) for step in PIPELINE.pipeline]
    pipeline[0]['max_frames'] = limit
    pipeline[1]['average'] = limit is None
    dataset = DATASETS.build(
        dict(PIPELINE, data_root=str(tmp_path), pipeline=pipeline, cache=False)
    )
    packer = ClipPipeline(pipeline, 'synthme')
    for index in range(len(dataset)):
        row = dataset.get_data_info(index)
        frames = np.stack(load_clip(locate(row, str(tmp_path)))['imgs'])
        expected, given = dataset[index], packer(frames, row['fps'], None, 'x')
        assert torch.equal(expected['inputs']['clip'], given['inputs']['clip'])
        assert expected['data_samples'].fps == given['data_samples'].fps


def test_the_apex_goes_to_the_frame_that_is_nearest():
    packed = ClipPipeline([LOAD, dict(type='PackMERInputs')], 'x')(
        synthetic_clip(length=20), 100.0, 7.6, 'x'
    )
    sample = packed['data_samples']
    assert (sample.onset, sample.apex, sample.offset) == (0, 8, 19)


@pytest.mark.parametrize(
    'steps',
    [
        [],
        [dict(type='CenterCrop', crop_size=80)],
        [dict(type='Resize', scale=(70, 70), keep_ratio=False)],
        [
            dict(type='CenterCrop', crop_size=98),
            dict(type='Resize', scale=(119, 119), keep_ratio=False),
        ],
    ],
)
@pytest.mark.parametrize('crop', [None, 64])
def test_a_dot_is_found_where_it_is(steps, crop):
    packer = ClipPipeline([LOAD, *steps, dict(type='PackMERInputs')], 'x')
    model = torch.nn.Module()
    model.data_preprocessor = MODELS.build(
        dict(
            type='mmaction.MERDataPreprocessor',
            augmentation=dict(crop=crop) if crop else None,
        )
    )
    frames = np.zeros((4, 112, 112, 3), np.uint8)
    cv2.circle(frames[0], (61, 50), 4, (255, 255, 255), -1)
    frames[:] = frames[0]
    seen = packer(frames, 50.0, None, 'x')['inputs']['clip'][:1].float()
    augmentation = model.data_preprocessor.augmentation
    picture = augmentation(seen, augmentation.middle(1))[0, 0].numpy()
    y, x = (np.indices(picture.shape) * picture).sum((1, 2)) / picture.sum()
    found = packer.view(model, 112) @ [x, y, 1]
    assert np.abs(found - (61, 50)).max() < 0.6


def test_one_frame_is_no_movement():
    packer = ClipPipeline(PIPELINE.pipeline, 'synthme')
    with pytest.raises(MERDataError, match='still: 1 frame.*needs two or more'):
        packer(np.zeros((1, 112, 112, 3), np.uint8), 25.0, None, 'still')


def test_a_rate_that_holds_no_band_names_the_clip():
    from mmaction_mer.models import MERDataPreprocessor

    packer = ClipPipeline(PIPELINE.pipeline, 'synthme')
    packed = packer(synthetic_clip(length=20), 1.0, None, 'slow')
    with pytest.raises(MERDataError, match='slow'):
        MERDataPreprocessor()(
            dict(
                inputs=dict(clip=[packed['inputs']['clip']]),
                data_samples=[packed['data_samples']],
            )
        )


def test_a_pipeline_that_reads_in_another_way_is_refused():
    with pytest.raises(MERRunError, match='begins with DecordInit'):
        ClipPipeline([dict(type='DecordInit'), *PIPELINE.pipeline], 'x')
