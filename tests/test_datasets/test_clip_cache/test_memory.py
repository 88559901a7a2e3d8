"""Clips kept in memory give what reading them again gives."""

import pytest
from store_toy import assert_same

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
    rows = [fake.row('sub01', 'c1'), fake.row('sub02', 'c2', label=1)]
    for row in rows:
        fake.write_frames(tmp_path / row['frame_dir'], range(1, 15))
    write_annotation(tmp_path / 'ann.json', fake.content(*rows))
    return tmp_path


def read_no_more(data, monkeypatch):
    for part in data.cache.transforms:
        monkeypatch.setattr(part, 'transform', None)


def test_the_same_clip_every_time(release, monkeypatch):
    plain = MERDataset('ann.json', PIPELINE, str(release))
    kept = MERDataset('ann.json', PIPELINE, str(release), cache=True)
    wanted = plain[0]
    assert_same(kept[0], wanted)
    read_no_more(kept, monkeypatch)
    # Flipping works in place: what is kept must not have been flipped.
    for _ in range(2):
        assert_same(kept[0], wanted)


def test_folds_share_clips_under_their_own_numbers(release, monkeypatch):
    whole = MERDataset('ann.json', PIPELINE, str(release), cache=True)
    _ = whole[1]
    fold = dict(held_out='sub02', side='test')
    one = MERDataset('ann.json', PIPELINE, str(release), cache=True, **fold)
    read_no_more(one, monkeypatch)
    assert one[0]['clip'] == 'c2'
    assert one[0]['sample_idx'] == 0


def test_another_prefix_is_another_clip(release):
    longer = [PIPELINE[0], dict(PIPELINE[1], length=6), PIPELINE[2]]
    for pipeline, length in ((PIPELINE, 4), (longer, 6)):
        dataset = MERDataset('ann.json', pipeline, str(release), cache=True)
        assert len(dataset[0]['imgs']) == length


def test_what_a_later_transform_changes_is_not_kept(release):
    def count_up(results):
        results['frame_inds'] += 1000
        results['aus'].append('99')
        return results

    pipeline = [*PIPELINE[:2], count_up]
    plain = MERDataset('ann.json', pipeline, str(release))
    kept = MERDataset('ann.json', pipeline, str(release), cache=True)
    wanted = plain[0]
    for _ in range(3):
        assert_same(kept[0], wanted)
