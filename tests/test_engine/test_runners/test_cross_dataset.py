"""The protocol cross-dataset on a composite, from config to results."""

import json

import pytest
from mmaction.registry import DATASETS, RUNNERS
from settings import train

from mmaction_mer.datasets import read_annotation, write_annotation
from mmaction_mer.utils.errors import MERDataError

# The toy's four subjects in three data sets.
HOME = {'s1': 'a', 's2': 'a', 's3': 'b', 's4': 'c'}
SUBJECTS = {'a': ['a_s1', 'a_s2'], 'b': ['b_s3'], 'c': ['c_s4']}


@pytest.fixture
def composite(toy_data, tmp_path):
    content = read_annotation(toy_data / 'annotations.json')
    for row in content['data_list']:
        row['dataset'] = HOME[row['subject']]
        row['subject'] = f'{row["dataset"]}_{row["subject"]}'
    return write_annotation(tmp_path / 'composite.json', content)


@pytest.fixture
def config(composite, make_config):
    def make(work_dir='run', data=(), **changes):
        for loader in ('train_dataloader', 'test_dataloader'):
            data = {'ann_file': str(composite), **dict(data)}
            for key, value in data.items():
                changes[f'{loader}__dataset__{key}'] = value
        changes.setdefault('loso__protocol', 'cross-dataset')
        return make_config(work_dir, **changes)

    return make


def held_out(work_dir):
    """The subjects that each fold predicted."""
    return {
        path.parent.name: sorted(
            {json.loads(line)['subject'] for line in path.read_text().splitlines()}
        )
        for path in work_dir.glob('folds/*/predictions.jsonl')
    }


@pytest.mark.parametrize('select', ['last', 'inner'])
def test_every_data_set_is_tested_by_the_others(config, tmp_path, select, capsys):
    changes = {'train_cfg__val_interval': 4} if select == 'inner' else {}
    results = train(config(loso__select=select, **changes))
    assert held_out(tmp_path / 'run') == SUBJECTS
    assert results['clips'] == 16
    assert results['extra']['protocol'] == {'type': 'cross-dataset'}
    assert [row['fold'] for row in results['folds']] == ['a', 'b', 'c']
    parts = results['datasets']
    assert [(row['dataset'], row['subjects'], row['clips']) for row in parts] == [
        ('a', 2, 8), ('b', 1, 4), ('c', 1, 4)
    ]  # fmt: skip
    for fold, part in zip(results['folds'], parts, strict=True):
        assert fold['acc'] == part['acc'] and fold['uf1'] == part['uf1']
    assert 'Data sets, each alone' in capsys.readouterr().out
    # Score the checkpoints again.
    again = RUNNERS.build(config('again', load_from=str(tmp_path / 'run'),
                                 loso__select=select)).test()  # fmt: skip
    assert again['scores'] == results['scores']


def test_subjects_set_aside_are_of_the_training_data_sets(config):
    runner = RUNNERS.build(config(loso__select='inner'))
    everyone = sorted(sum(SUBJECTS.values(), []))
    for fold in runner.plan.folds:
        cfg = runner.runs[0].fold_config(fold)
        train, inner, test = (
            sorted(set(DATASETS.build(cfg[f'{side}_dataloader'].dataset).subjects))
            for side in ('train', 'val', 'test')
        )
        assert test == SUBJECTS[fold.name] and inner and train
        # Each subject is in exactly one part.
        assert sorted(train + inner + test) == everyone


def test_one_data_set_is_tested(config, tmp_path):
    protocol = dict(type='cross-dataset', test=['b', 'c'], _delete_=True)
    results = train(config(loso__protocol=protocol))
    assert held_out(tmp_path / 'run') == {'b+c': ['b_s3', 'c_s4']}
    assert results['clips'] == 8
    assert [row['fold'] for row in results['folds']] == ['b+c']


def test_a_filter_says_which_data_sets_take_part(config, tmp_path):
    only = {'filter_cfg': dict(dataset=['a', 'b'])}
    protocol = dict(type='cross-dataset', test=['b'], _delete_=True)
    cfg = config(data=only, loso__protocol=protocol)
    runner = RUNNERS.build(cfg)
    (fold,) = runner.plan.folds
    assert fold.train == ('a_s1', 'a_s2')
    # No subject of c is trained on, although the file has one.
    training = DATASETS.build(runner.runs[0].fold_config(fold).train_dataloader.dataset)
    assert set(training.subjects) == {'a_s1', 'a_s2'}
    assert runner.train()['clips'] == 4
    assert held_out(tmp_path / 'run') == {'b': ['b_s3']}


def test_one_name_in_two_data_sets_stops_before_training(config, composite, tmp_path):
    content = read_annotation(composite)
    for row in content['data_list']:
        row['subject'] = 's1' if row['dataset'] in 'ab' else row['subject']
    write_annotation(composite, content)
    with pytest.raises(MERDataError, match=r'subject\(s\) s1 are in a tested'):
        train(config())
    assert not (tmp_path / 'run' / 'folds').exists()


def test_other_protocols_do_not_need_the_field(config, monkeypatch, tmp_path):
    from mmaction_mer.datasets.mer_dataset import MERDataset

    whole = MERDataset.get_data_info

    def bare(self, index):
        info = whole(self, index)
        if self.side == 'all':  # as in the plan
            del info['dataset']
        return info

    monkeypatch.setattr(MERDataset, 'get_data_info', bare)
    runner = RUNNERS.build(config(loso__protocol='loso'))
    assert [fold.name for fold in runner.plan.folds] == sum(SUBJECTS.values(), [])
    with pytest.raises(MERDataError, match="needs the field 'dataset'"):
        RUNNERS.build(config())
