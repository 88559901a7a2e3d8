"""Clips kept in memory give what reading them again gives."""

import numpy as np
import pytest

from mmaction_mer.datasets import clip_cache
from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.mer_dataset import MERDataset

PIPELINE = [
    dict(type='mmaction.LoadMERFrames', max_frames=None),
    dict(type='mmaction.StandardizeLength', length=4),
    dict(type='mmaction.Flip', flip_ratio=1.0),
]


@pytest.fixture
def release(tmp_path, fake):
    """Two subjects with a clip each, of frames that differ from left to right."""
    clip_cache.forget_clips()
    rows = [fake.row('sub01', 'c1'), fake.row('sub02', 'c2', label=1)]
    for row in rows:
        fake.write_frames(tmp_path / row['frame_dir'], range(1, 15))
    write_annotation(tmp_path / 'ann.json', fake.content(*rows))
    yield tmp_path
    clip_cache.forget_clips()


def same(first, second):
    assert first.keys() == second.keys()
    for key, value in first.items():
        np.testing.assert_array_equal(np.asarray(value), np.asarray(second[key]))


def test_the_same_clip_every_time(release, monkeypatch):
    plain = MERDataset('ann.json', PIPELINE, str(release))
    kept = MERDataset('ann.json', PIPELINE, str(release), cache=True)
    wanted = [plain[0], plain[1]]
    same(kept[0], wanted[0])
    for part in kept.pipeline.transforms[:2]:
        monkeypatch.setattr(part, 'transform', None)  # not called again
    # Flipping works in place: what is kept must not have been flipped.
    for _ in range(2):
        same(kept[0], wanted[0])


def test_folds_share_clips_under_their_own_numbers(release, monkeypatch):
    whole = MERDataset('ann.json', PIPELINE, str(release), cache=True)
    _ = whole[1]
    fold = dict(held_out='sub02', side='test')
    one = MERDataset('ann.json', PIPELINE, str(release), cache=True, **fold)
    for part in one.pipeline.transforms[:2]:
        monkeypatch.setattr(part, 'transform', None)
    assert one[0]['clip'] == 'c2'
    assert one[0]['sample_idx'] == 0


def test_another_beginning_is_another_clip(release):
    longer = [PIPELINE[0], dict(PIPELINE[1], length=6), PIPELINE[2]]
    for pipeline, length in ((PIPELINE, 4), (longer, 6)):
        dataset = MERDataset('ann.json', pipeline, str(release), cache=True)
        assert len(dataset[0]['imgs']) == length


def test_only_what_always_gives_the_same_is_kept():
    random_first = [PIPELINE[0], PIPELINE[2], PIPELINE[1]]
    assert len(clip_cache.CachedPipeline(PIPELINE).names) == 2
    assert len(clip_cache.CachedPipeline(random_first).names) == 1
