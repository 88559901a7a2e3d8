"""The most confident mistakes: which clips they are, and which images they get."""

import json

import cv2
import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from mmaction_mer.analysis.mistakes import clip_images, confident_mistakes
from mmaction_mer.datasets import MERDataset
from mmaction_mer.motion import rank_pool
from mmaction_mer.utils.errors import MERDataError


def line(clip, label, prediction, probabilities):
    return {
        'dataset': 'd', 'subject': 's', 'clip': clip, 'label': label,
        'prediction': prediction, 'probabilities': probabilities,
    }  # fmt: skip


def test_mistakes_are_ordered_by_the_probability_of_the_wrong_class():
    lines = [
        line('a', 0, 1, [0.4, 0.6]),
        line('b', 1, 1, [0.0, 1.0]),
        line('c', 1, 0, [0.9, 0.1]),
        line('e', 1, 0, [0.7, 0.3]),
        line('d', 0, 1, [0.3, 0.7]),
    ]
    clips = [one.clip for one in confident_mistakes([lines], 8)]
    assert clips == ['d/s/c', 'd/s/d', 'd/s/e', 'd/s/a']
    assert [one.clip for one in confident_mistakes([lines], 2)] == clips[:2]
    assert confident_mistakes([[lines[1]]], 8) == []


def test_mistakes_of_several_seeds():
    first = [line('a', 0, 1, [0.4, 0.6]), line('b', 0, 1, [0.4, 0.6])]
    second = [line('a', 0, 0, [0.55, 0.45]), line('b', 0, 0, [0.9, 0.1])]
    only = line('c', 0, 1, [0.0, 1.0])
    (found,) = confident_mistakes([[*first, only], second[::-1]], 8)
    assert (found.clip, found.prediction, found.wrong_seeds) == ('d/s/a', 1, 1)
    assert found.probabilities == pytest.approx([0.475, 0.525])


def dataset_of(toy_data, tmp_path, **changes):
    content = json.loads((toy_data / 'annotations.json').read_text())
    for row in content['data_list']:
        row.update(changes)
    path = tmp_path / 'changed.json'
    path.write_text(json.dumps(content))
    return MERDataset(
        str(path),
        [dict(type='LoadMERFrames', max_frames=3),
         dict(type='StandardizeLength', length=4), dict(type='PackMERInputs')],
        data_prefix=dict(img=str(toy_data / 'frames')),
    )  # fmt: skip


@pytest.mark.parametrize('remove_head_motion', [False, True])
def test_the_images_of_a_clip(toy_data, tmp_path, remove_head_motion):
    dataset = dataset_of(toy_data, tmp_path, apex=5)
    transforms = dataset.pipeline.transforms
    row = dataset.get_data_info(0)
    loaded = transforms[0](dataset.get_data_info(0))
    assert 5 not in loaded['frame_inds'], 'the apex is shown even if it is not sampled'
    *frames, pooled = clip_images(row, transforms, remove_head_motion)
    assert [caption for caption, _ in frames] == ['onset 1', 'apex 5', 'offset 6']
    for (_, image), number in zip(frames, (1, 5, 6), strict=True):
        path = toy_data / 'frames' / row['clip'] / f'img{number}.png'
        np.testing.assert_array_equal(image, cv2.imread(str(path))[..., ::-1])
    clip = np.stack(transforms[1](loaded)['imgs'])
    assert len(clip) == 4
    np.testing.assert_array_equal(pooled[1], rank_pool(clip, remove_head_motion))
    assert not np.array_equal(pooled[1], rank_pool(clip, not remove_head_motion))


def test_rank_pooling_in_the_pipeline_decides_on_head_motion(toy_data, tmp_path):
    dataset = dataset_of(toy_data, tmp_path, apex=1)
    transforms = list(dataset.pipeline.transforms)
    pooling = TRANSFORMS.build(dict(type='RankPooling', remove_head_motion=True))
    transforms.insert(2, pooling)
    row = dataset.get_data_info(2)
    found = clip_images(row, transforms)
    wanted = clip_images(row, transforms[:2], remove_head_motion=True)
    assert found[1][0] == wanted[1][0] == 'apex 1'
    np.testing.assert_array_equal(found[3][1], wanted[3][1])


def test_pipelines_must_start_with_our_loader(toy_data, tmp_path):
    dataset = dataset_of(toy_data, tmp_path)
    row = dataset.get_data_info(0)
    for transforms in (dataset.pipeline.transforms[2:], []):
        with pytest.raises(MERDataError) as error:
            clip_images(row, transforms)
        assert error.value.field == 'pipeline'
