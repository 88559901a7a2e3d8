"""The annotation of a run: its content counts, and what changed in it is said."""

import json
import random

import pytest
from mmaction.registry import RUNNERS

from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.engine.work_dir.run_clips import RunClips
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture
def with_annotation(make_config, toy_data, tmp_path):
    """A config over a changed copy of the toy's annotation."""
    original = json.loads((toy_data / 'annotations.json').read_text())

    def make(change=lambda content: None, indent=1, **changes):
        content = json.loads(json.dumps(original))
        change(content)
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(content, indent=indent))
        cfg = make_config(**changes)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.ann_file = str(path)
        return cfg

    return make


def shuffled_keys(content):
    draw = random.Random(0)

    def shuffle(row):
        items = list(row.items())
        draw.shuffle(items)
        return dict(items)

    content['metainfo'] = shuffle(content['metainfo'])
    content['data_list'] = [shuffle(row) for row in content['data_list']]


def whole_numbers(content):
    for row in content['data_list']:
        row['fps'] = int(row['fps'])
        row['aus'] = []


def train(cfg):
    return RUNNERS.build(cfg).train()


def test_another_layout_of_the_file_is_the_same_annotation(with_annotation, tmp_path):
    first = train(with_annotation(loso__folds=['s1']))
    resumed = train(
        with_annotation(shuffled_keys, indent=None, resume=True, loso__folds=['s1'])
    )
    assert {**first, 'extra': 0} == {**resumed, 'extra': 0}
    cfg = with_annotation(whole_numbers, indent=4, load_from=str(tmp_path / 'run'))
    assert RUNNERS.build(cfg).test()['scores'] == first['scores']


def relabelled(content):
    content['data_list'][5]['label'] = (content['data_list'][5]['label'] + 1) % 3


CHANGES = {
    's2_c1': relabelled,
    's1_c3': lambda content: content['data_list'].pop(3),
    's4_more': lambda content: content['data_list'].append(
        {**content['data_list'][-1], 'clip': 's4_more'}
    ),
    's3_c0': lambda content: content['data_list'][8].update(onset=2),
    'metainfo': lambda content: content['metainfo'].update(note='x'),
    'order': lambda content: content['data_list'].reverse(),
}


@pytest.mark.parametrize('name', CHANGES)
def test_what_changed_is_said(name, with_annotation, tmp_path):
    plan = make_plan(with_annotation())
    changed = make_plan(with_annotation(CHANGES[name]))
    assert changed.annotation != plan.annotation
    (line,) = plan.clips.changes(changed.clips)
    assert name in line and plan.annotation not in line
    stored = RunClips.from_json(json.loads(json.dumps(plan.clips.to_json())))
    assert stored.changes(changed.clips) == [line]
    assert stored.changes(plan.clips) == []


def test_a_resumed_run_says_what_changed(with_annotation):
    train(with_annotation(loso__folds=['s1']))
    with pytest.raises(MERRunError) as error:
        train(with_annotation(relabelled, resume=True, loso__folds=['s1']))
    assert 'toy/s2/s2_c1' in str(error.value)

    # Thousands of changes are counted, not listed.
    def all_of_them(content):
        for row in content['data_list']:
            row['label'] = (row['label'] + 1) % 3

    with pytest.raises(MERRunError) as error:
        train(with_annotation(all_of_them, resume=True, loso__folds=['s1']))
    assert '16 clip(s)' in str(error.value) and len(str(error.value)) < 1500


def test_a_run_of_an_earlier_version_is_refused_plainly(with_annotation, tmp_path):
    cfg = with_annotation(loso__folds=['s1'])
    train(cfg)
    path = tmp_path / 'run' / 'loso.json'
    stored = json.loads(path.read_text())
    del stored['digest'], stored['clips']
    stored['format'] = 1
    stored['fingerprint'] = stored['config']['annotation'] = 'of the bytes'
    path.write_text(json.dumps(stored))
    with pytest.raises(MERRunError, match='of an earlier version'):
        train(with_annotation(resume=True, loso__folds=['s1']))


def test_clips_that_are_tested_on_alone_are_expected(make_config, tmp_path):
    """Fewer may be tested than trained on; each fold has its own first two here."""
    cfg = make_config(test_dataloader__dataset__indices=2)
    assert train(cfg)['clips'] == 8
    cfg = make_config('other', test_dataloader__dataset__filter_cfg=dict(label=[0, 1]))
    results = train(cfg)
    assert results['clips'] == 11 and results['confusion'][2] == [0, 0, 0]


def test_clips_that_have_gone_are_named(make_config, toy_data, tmp_path):
    import shutil

    data = tmp_path / 'data'
    shutil.copytree(toy_data, data)

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
