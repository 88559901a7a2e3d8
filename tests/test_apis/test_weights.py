"""Trained models: runs, folds, files; and what is none."""

import json

import pytest
import torch
from inference_toy import CLASSES, CONFIG, make_run, small_config, state

from mmaction_mer.apis import load_weights, save_weights
from mmaction_mer.models.utils.slim_checkpoint import write_checkpoint
from mmaction_mer.utils.errors import MERRunError


def error_of(*args):
    with pytest.raises(MERRunError) as caught:
        load_weights(*args)
    return caught.value


def test_a_run_has_all_its_finished_folds(run):
    weights = load_weights(run)
    assert list(weights.folds) == ['sub01', 'sub02']
    assert weights.held_out == {'sub01': ['sub01'], 'sub02': ['sub02']}
    assert (weights.classes, weights.dataset) == (CLASSES, 'synthme')
    assert weights.model['type'] == 'MPTRecognizer'
    assert weights.pipeline[0]['type'] == 'LoadMERFrames'
    assert list(weights.select(['sub02']).folds) == ['sub02']
    with pytest.raises(MERRunError, match="no fold 'sub09'; there are sub01, sub02"):
        weights.select(['sub09'])
    # One fold, by its folder or its checkpoint.
    for path in (run / 'folds/sub02', run / 'folds/sub02/model.pth'):
        assert list(load_weights(path).folds) == ['sub02']
    # A config with a checkpoint.
    one = load_weights(run / 'config.py', run / 'folds/sub01/model.pth')
    assert list(one.folds) == ['sub01'] and one.classes == CLASSES


def test_runs_that_are_incomplete_or_mixed(tmp_path):
    run = make_run(tmp_path / 'run' / 'seed0')
    (run / 'folds/sub02/fold.json').write_text(json.dumps(dict(status='running')))
    assert list(load_weights(run).folds) == ['sub01']
    make_run(tmp_path / 'run' / 'seed1')
    names = ['seed0/sub01', 'seed1/sub01', 'seed1/sub02']
    assert list(load_weights(tmp_path / 'run').folds) == names
    make_run(tmp_path / 'other', folds=('sub03',), classes=['a', 'b', 'c'])
    (tmp_path / 'other/folds/sub03').rename(run / 'folds/sub03')
    assert 'different classes' in error_of(run).problem
    (run / 'config.py').unlink()
    assert error_of(run).path == str(run / 'config.py')


def test_a_packed_file_has_it_all(run, tmp_path):
    weights = load_weights(run)
    path = save_weights(weights, tmp_path / 'model.pth')
    again = load_weights(path)
    for name in ('model', 'pipeline', 'classes', 'dataset', 'held_out'):
        assert getattr(again, name) == getattr(weights, name)
    for name, one in weights.folds.items():
        assert one.keys() == again.folds[name].keys()
        assert all(torch.equal(one[key], again.folds[name][key]) for key in one)
    # Plain values and tensors alone.
    torch.load(path, weights_only=True)


def test_the_demo_ships_with_the_package():
    weights = load_weights()
    assert weights.classes == CLASSES and weights.folds
    assert weights.source.endswith('mpt_vit-tiny_synthme.pth')


def test_what_is_no_trained_model(tmp_path, run):
    assert 'demo' in error_of(tmp_path / 'gone').hint
    assert error_of(CONFIG).hint == 'give weights too'
    error_of(tmp_path)
    (tmp_path / 'a.pth').write_text('text')
    write_checkpoint(tmp_path / 'b.pth', dict(state_dict=state(small_config(), 0)))
    meta = dict(mmaction_mer=99, facts={})
    write_checkpoint(tmp_path / 'c.pth', dict(meta=meta, folds={}))
    for name in ('a', 'b', 'c'):
        assert f'{name}.pth' in str(error_of(tmp_path / f'{name}.pth'))
    write_checkpoint(tmp_path / 'd.pth', dict(meta={}))
    assert 'no state_dict' in error_of(run / 'config.py', tmp_path / 'd.pth').problem


def test_code_in_a_file_of_weights_is_not_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return (tmp_path.joinpath('harm').mkdir, ())

    torch.save(dict(meta=Harm(), folds={}), tmp_path / 'a.pth')
    assert 'Nothing in it was run' in str(error_of(tmp_path / 'a.pth'))
    assert not (tmp_path / 'harm').exists()
