"""The test pipeline on frames in memory, and the place of its pixels in the frame."""

import cv2
import numpy as np
import pytest
import torch
from inference_toy import CONFIG, synthetic_clip
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config

from mmaction_mer.apis.clip_pipeline import ClipPipeline
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.utils.errors import MERDataError, MERRunError

DATASET = Config.fromfile(CONFIG).test_dataloader.dataset
LOAD, PACK = dict(type='LoadMERFrames', max_frames=None), dict(type='PackMERInputs')


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp('release')
    make_release(root, Release(subjects=2, clips=2, size=112))
    return root


@pytest.mark.parametrize('limit', [None, 16])
def test_the_result_is_that_of_the_dataset_to_the_bit(release, limit):
    steps = [dict(step) for step in DATASET.pipeline]
    steps[0]['max_frames'] = limit
    steps[1]['average'] = limit is None
    dataset = DATASETS.build(
        dict(DATASET, data_root=str(release), pipeline=steps, cache=False)
    )
    pipeline = ClipPipeline(steps, 'synthme')
    for index in range(len(dataset)):
        row = dataset.get_data_info(index)
        frames = np.stack(load_clip(locate(row, str(release)))['imgs'])
        expected, result = dataset[index], pipeline(frames, row['fps'], None, 'x')
        assert torch.equal(expected['inputs']['clip'], result['inputs']['clip'])
        assert expected['data_samples'].fps == result['data_samples'].fps


def test_the_apex_is_rounded_to_a_frame():
    packed = ClipPipeline([LOAD, PACK], 'x')(synthetic_clip(length=20), 100.0, 7.6, 'x')
    sample = packed['data_samples']
    assert (sample.onset, sample.apex, sample.offset) == (0, 8, 19)


@pytest.mark.parametrize(
    'steps',
    [
        [dict(type='Resize', scale=(70, 70), keep_ratio=False)],
        [
            dict(type='CenterCrop', crop_size=98),
            dict(type='Resize', scale=(119, 119), keep_ratio=False),
        ],
    ],
)
@pytest.mark.parametrize('crop', [None, 64])
def test_a_dot_is_mapped_back_to_its_place(steps, crop):
    pipeline = ClipPipeline([LOAD, *steps, PACK], 'x')
    model = torch.nn.Module()
    model.data_preprocessor = MODELS.build(
        dict(type='mmaction.MERDataPreprocessor', augmentation=dict(crop=crop))
    )
    frames = np.zeros((4, 112, 112, 3), np.uint8)
    cv2.circle(frames[0], (61, 50), 4, (255, 255, 255), -1)
    frames[:] = frames[0]
    seen, fps = pipeline.model_frames(pipeline(frames, 50.0, None, 'x'), model)
    image = seen[0, ..., 0].astype(float)
    y, x = (np.indices(image.shape) * image).sum((1, 2)) / image.sum()
    assert (
        np.abs(pipeline.model_to_frame(model, 112) @ [x, y, 1] - (61, 50)).max() < 0.6
    )
    assert fps == 50


def test_errors_name_the_clip_or_the_field():
    packed = ClipPipeline(DATASET.pipeline, 'synthme')(
        synthetic_clip(length=20), 1.0, None, 'slow'
    )
    preprocessor = MODELS.build(dict(type='mmaction.MERDataPreprocessor'))
    batch = dict(
        inputs=dict(clip=[packed['inputs']['clip']]),
        data_samples=[packed['data_samples']],
    )
    with pytest.raises(MERDataError, match='slow'):
        preprocessor(batch)
    with pytest.raises(MERRunError) as error:
        ClipPipeline([dict(type='DecordInit'), *DATASET.pipeline], 'x')
    assert error.value.field == 'test_pipeline'
