"""Subjects that a pre-training has seen are not tested on, unless it is allowed."""

import json

import pytest
import torch

from mmaction_mer.engine import LOSORunner
from mmaction_mer.engine.runners.subject_leakage import (
    pretraining_records,
    seen_in_pretraining,
)
from mmaction_mer.utils.errors import MERRunError


def weights(path, record=None):
    meta = {} if record is None else dict(pretrained_on=record)
    torch.save(dict(state_dict={}, meta=meta), path)
    return str(path)


def start(path):
    return dict(type='Pretrained', checkpoint=path)


@pytest.mark.parametrize(
    ('record', 'clips', 'seen'),
    [
        (
            {'mmew': ['S01', 'S02']},
            [('mmew', 'S02'), ('mmew', 'S03')],
            {'mmew': ['S02']},
        ),
        # Composites add the data set as a prefix.
        ({'mmew': ['S01']}, [('mmew', 'mmew_S01')], {'mmew': ['mmew_S01']}),
        ({'mmew': ['mmew_S01']}, [('mmew', 'S01')], {'mmew': ['S01']}),
        # S01 of another data set is another subject.
        ({'mmew': ['S01']}, [('samm', 'S01'), ('samm', 'samm_S01')], {}),
        # Unknown subjects: it may be any of them.
        ({'mmew': None}, [('mmew', 'S01')], {'mmew': ['S01']}),
        ({'mmew': []}, [('mmew', 'S01')], {}),
        # Another spelling.
        ({'MMEW': ['s1']}, [('mmew', 'S01')], {'mmew': ['S01']}),
        ({'mmew': ['S1']}, [('mmew', 'S11')], {}),
    ],
)
def test_seen_subjects(record, clips, seen):
    assert seen_in_pretraining(record, clips) == seen


def test_the_records_of_all_weights_in_a_config(tmp_path):
    recorded = weights(tmp_path / 'ours.pth', {'mmew': ['S01']})
    foreign = weights(tmp_path / 'foreign.pth')
    (tmp_path / 'broken.pth').write_bytes(b'nothing')
    model = dict(
        backbone=dict(init_cfg=start(recorded), vit=dict(init_cfg=start(foreign))),
        neck=dict(init_cfg=start(str(tmp_path / 'broken.pth'))),
    )
    found = pretraining_records(dict(model=model, load_from=recorded))
    assert {path.name for path in found} == {'ours.pth'}
    # The format of torch before it could map files.
    old = dict(state_dict={}, meta=dict(pretrained_on={'samm': ['006']}))
    torch.save(old, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    found = pretraining_records(dict(load_from=str(tmp_path / 'old.pth')))
    assert list(found.values()) == [{'samm': ['006']}]
    url = dict(backbone=dict(init_cfg=start('https://x.org/resnet.pth')))
    assert pretraining_records(dict(model=url)) == {}


@pytest.fixture
def seen_config(make_config, tmp_path):
    """The toy protocol, s1 to s4, from weights that have seen two of them."""
    path = weights(tmp_path / 'macro.pth', {'toy': ['s1', 's3'], 'dfew': None})

    def make(work_dir='run', **changes):
        cfg = make_config(work_dir, **changes)
        cfg.model.init_cfg = start(path)
        return cfg

    return make


def rejected(cfg):
    with pytest.raises(MERRunError) as error:
        LOSORunner.from_cfg(cfg)
    return error.value


def test_a_protocol_rejects_weights_that_have_seen_its_subjects(seen_config, tmp_path):
    cfg = seen_config()
    error = rejected(cfg)
    assert error.path == str(tmp_path / 'macro.pth')
    assert '2 subject(s) of toy' in str(error) and 's1, s3' in str(error)
    assert "loso.allow_leakage=['toy']" in error.hint
    # Another name allows nothing, and neither does a fold of an unseen subject.
    cfg.loso.update(allow_leakage=['samm'], folds=['s2'])
    assert '2 subject(s) of toy' in str(rejected(cfg))


def test_load_from_is_checked_too(make_config, tmp_path):
    cfg = make_config()
    cfg.load_from = weights(tmp_path / 'macro.pth', {'toy': ['s2']})
    assert '1 subject(s) of toy' in str(rejected(cfg))


def test_allowed_leakage_is_labeled_wherever_results_are_shown(
    seen_config, tmp_path, capsys
):
    cfg = seen_config(train_cfg__max_iters=1, run_hooks=[dict(type='RunReportHook')])
    # The toy does not use the weights; the check reads the config.
    cfg.model.pop('init_cfg')
    cfg.load_from = None
    cfg.model.data_preprocessor = dict(
        init_cfg=start(str(tmp_path / 'macro.pth')),
    )
    cfg.loso.allow_leakage = 'toy'
    results = LOSORunner.from_cfg(cfg).train()
    assert results['extra']['tested_on_subjects_seen_in_pretraining'] == ['toy']
    assert 'have seen tested subjects of toy' in capsys.readouterr().out
    page = (tmp_path / 'run' / 'report.html').read_text()
    assert 'subjects of toy seen in pre-training' in page
    stored = json.loads((tmp_path / 'run' / 'results.json').read_text())
    assert stored['extra']['tested_on_subjects_seen_in_pretraining'] == ['toy']


def test_unseen_subjects_need_no_label(make_config, tmp_path):
    cfg = make_config(train_cfg__max_iters=1, loso__folds=['s1'])
    path = weights(tmp_path / 'macro.pth', {'toy': ['s9'], 'dfew': None})
    cfg.model.data_preprocessor = dict(init_cfg=start(path))
    results = LOSORunner.from_cfg(cfg).train()
    assert 'tested_on_subjects_seen_in_pretraining' not in results['extra']
