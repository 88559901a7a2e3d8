"""The clips of a run: how they changed is reported, and a resume needs the same."""

import json
import shutil

import pytest
from mmaction.registry import RUNNERS
from settings import train

from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.engine.work_dir.run_clips import RunClips
from mmaction_mer.utils.errors import MERRunError


def relabeled(content):
    content['data_list'][5]['label'] = (content['data_list'][5]['label'] + 1) % 3


CHANGES = {
    's2_c1': relabeled,
    's1_c3': lambda content: content['data_list'].pop(3),
    's4_more': lambda content: content['data_list'].append(
        {**content['data_list'][-1], 'clip': 's4_more'}
    ),
    's3_c0': lambda content: content['data_list'][8].update(onset=2),
    'metainfo': lambda content: content['metainfo'].update(note='x'),
    'order': lambda content: content['data_list'].reverse(),
}


@pytest.mark.parametrize('name', CHANGES)
def test_a_change_is_described(name, with_annotation):
    plan = make_plan(with_annotation())
    changed = make_plan(with_annotation(CHANGES[name]))
    (line,) = plan.clips.changes(changed.clips)
    assert name in line and plan.annotation not in line
    stored = RunClips.from_json(json.loads(json.dumps(plan.clips.to_json())))
    assert stored.changes(changed.clips) == [line]
    assert stored.changes(plan.clips) == []


def test_another_layout_of_the_file_is_the_same_annotation(with_annotation, tmp_path):
    first = train(with_annotation(loso__folds=['s1']))
    resumed = train(with_annotation(indent=None, resume=True, loso__folds=['s1']))
    assert {**first, 'extra': 0} == {**resumed, 'extra': 0}
    cfg = with_annotation(indent=4, load_from=str(tmp_path / 'run'))
    assert RUNNERS.build(cfg).test()['scores'] == first['scores']


def test_a_resume_reports_the_changes(with_annotation):
    train(with_annotation(loso__folds=['s1']))

    def all_relabeled(content):
        for row in content['data_list']:
            row['label'] = (row['label'] + 1) % 3

    # Thousands of changes are counted, not listed.
    for change, text in ((relabeled, 'toy/s2/s2_c1'), (all_relabeled, '16 clip(s)')):
        with pytest.raises(MERRunError) as error:
            train(with_annotation(change, resume=True, loso__folds=['s1']))
        assert text in str(error.value) and len(str(error.value)) < 1500


def test_a_run_of_an_earlier_version_is_rejected(with_annotation, tmp_path):
    train(with_annotation(loso__folds=['s1']))
    path = tmp_path / 'run' / 'loso.json'
    stored = json.loads(path.read_text())
    del stored['digest'], stored['clips']
    stored['format'] = 1
    stored['fingerprint'] = stored['config']['annotation'] = 'of the bytes'
    path.write_text(json.dumps(stored))
    with pytest.raises(MERRunError, match='of an earlier version'):
        train(with_annotation(resume=True, loso__folds=['s1']))


def test_fewer_clips_may_be_tested_than_trained_on(make_config):
    # The first two of each fold.
    assert train(make_config(test_dataloader__dataset__indices=2))['clips'] == 8
    cfg = make_config('other', test_dataloader__dataset__filter_cfg=dict(label=[0, 1]))
    results = train(cfg)
    assert results['clips'] == 11 and results['confusion'][2] == [0, 0, 0]


def test_missing_clips_are_listed(make_config, toy_data, tmp_path):
    data = shutil.copytree(toy_data, tmp_path / 'data')

    def config(**changes):
        cfg = make_config(loso__folds=['s1', 's2'], **changes)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.update(data_root=str(data), max_missing=1)
        return cfg

    whole = train(config())
    (data / 'frames' / 's2_c1').rename(data / 'kept')
    with pytest.raises(MERRunError, match='s2_c1'):
        train(config(resume=True))
    (data / 'kept').rename(data / 'frames' / 's2_c1')
    assert train(config(resume=True))['scores'] == whole['scores']
