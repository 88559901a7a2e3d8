"""People that a pre-training has seen are not tested on, unless that is asked for."""

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
        # Composites put the data set in front.
        ({'mmew': ['S01']}, [('mmew', 'mmew_S01')], {'mmew': ['mmew_S01']}),
        ({'mmew': ['mmew_S01']}, [('mmew', 'S01')], {'mmew': ['S01']}),
        # Another data set's S01 is another person.
        ({'mmew': ['S01']}, [('samm', 'S01'), ('samm', 'samm_S01')], {}),
        # Nobody knows who is seen: it may be anybody.
        ({'mmew': None}, [('mmew', 'S01')], {'mmew': ['S01']}),
        ({'mmew': []}, [('mmew', 'S01')], {}),
        # However it is spelt.
        ({'MMEW': ['s1']}, [('mmew', 'S01')], {'mmew': ['S01']}),
        ({'mmew': ['S1']}, [('mmew', 'S11')], {}),
    ],
)
def test_who_was_seen(record, clips, seen):
    assert seen_in_pretraining(record, clips) == seen


def test_records_of_every_file_that_a_config_names(tmp_path):
    ours = weights(tmp_path / 'ours.pth', {'mmew': ['S01']})
    foreign = weights(tmp_path / 'foreign.pth')
    (tmp_path / 'broken.pth').write_bytes(b'nothing')
    model = dict(
        backbone=dict(init_cfg=start(ours), vit=dict(init_cfg=start(foreign))),
        neck=dict(init_cfg=start(str(tmp_path / 'broken.pth'))),
    )
    found = pretraining_records(dict(model=model, load_from=ours))
    assert {path.name for path in found} == {'ours.pth'}
    # As torch wrote before it could map files.
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


def refusal(cfg):
    with pytest.raises(MERRunError) as caught:
        LOSORunner.from_cfg(cfg).train()
    return str(caught.value)


def test_a_protocol_refuses_weights_that_have_seen_its_subjects(seen_config, tmp_path):
    cfg = seen_config()
    said = refusal(cfg)
    assert 'macro.pth' in said and '2 subject(s) of toy' in said and 's1, s3' in said
    assert "loso.allow_leakage=['toy']" in said
    assert not list((tmp_path / 'run').glob('folds/*'))
    # Another name allows nothing, nor does a fold of people who were not seen: they
    # are trained on, and the run goes on to them.
    cfg.loso.allow_leakage = ['samm']
    assert '2 subject(s) of toy' in refusal(cfg)


def test_load_from_is_looked_at_too(make_config, tmp_path):
    cfg = make_config()
    cfg.load_from = weights(tmp_path / 'macro.pth', {'toy': ['s2']})
    assert '1 subject(s) of toy' in refusal(cfg)


def test_what_is_allowed_by_name_is_labelled_wherever_it_is_shown(
    seen_config, tmp_path, capsys
):
    cfg = seen_config(train_cfg__max_iters=1)
    # The toy has no use for the weights; the guard reads the config.
    cfg.model.pop('init_cfg')
    cfg.load_from = None
    cfg.model.data_preprocessor = dict(
        init_cfg=start(str(tmp_path / 'macro.pth')),
    )
    cfg.loso.allow_leakage = 'toy'
    results = LOSORunner.from_cfg(cfg).train()
    assert results['extra']['tested_on_subjects_seen_in_pretraining'] == ['toy']
    assert 'have seen the subjects of toy' in capsys.readouterr().out
    page = (tmp_path / 'run' / 'report.html').read_text()
    assert 'subjects of toy seen in pre-training' in page
    stored = json.loads((tmp_path / 'run' / 'results.json').read_text())
    assert stored['extra']['tested_on_subjects_seen_in_pretraining'] == ['toy']


def test_strangers_are_no_matter(make_config, tmp_path):
    cfg = make_config(train_cfg__max_iters=1)
    path = weights(tmp_path / 'macro.pth', {'toy': ['s9'], 'dfew': None})
    cfg.model.data_preprocessor = dict(init_cfg=start(path))
    results = LOSORunner.from_cfg(cfg).train()
    assert 'tested_on_subjects_seen_in_pretraining' not in results['extra']
