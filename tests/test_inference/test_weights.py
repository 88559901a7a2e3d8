"""Trained models: runs, folds, files; and what is none."""

import json

import pytest
import torch
from inference_toy import CLASSES, CONFIG, make_run, small_config, state

from mmaction_mer.engine.errors import ConfigError, MERRunError
from mmaction_mer.engine.slim_checkpoint import write_checkpoint
from mmaction_mer.inference import load_weights, save_weights


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('runs') / 'run')


def refusal(*args):
    with pytest.raises(MERRunError) as caught:
        load_weights(*args)
    return str(caught.value)


def test_a_run_gives_all_its_finished_folds(run):
    weights = load_weights(run)
    assert list(weights.folds) == ['sub01', 'sub02']
    assert weights.held_out == {'sub01': ['sub01'], 'sub02': ['sub02']}
    assert (weights.classes, weights.dataset) == (CLASSES, 'synthme')
    assert weights.model['type'] == 'MPTRecognizer'
    assert weights.pipeline[0]['type'] == 'LoadMERFrames'
    assert list(weights.only(['sub02']).folds) == ['sub02']
    with pytest.raises(MERRunError, match="no fold 'sub09'; there are sub01, sub02"):
        weights.only(['sub09'])


def test_an_unfinished_fold_is_left_out(tmp_path):
    run = make_run(tmp_path / 'run')
    (run / 'folds/sub02/fold.json').write_text(json.dumps(dict(status='running')))
    assert list(load_weights(run).folds) == ['sub01']


def test_one_fold_by_its_folder_or_its_checkpoint(run):
    for path in (run / 'folds/sub02', run / 'folds/sub02/model.pth'):
        assert list(load_weights(path).folds) == ['sub02']


def test_seeds_are_folds_of_their_own(tmp_path):
    for seed in (0, 1):
        make_run(tmp_path / 'run' / f'seed{seed}')
    names = ['seed0/sub01', 'seed0/sub02', 'seed1/sub01', 'seed1/sub02']
    assert list(load_weights(tmp_path / 'run').folds) == names


def test_a_config_with_a_checkpoint(run):
    weights = load_weights(run / 'config.py', run / 'folds/sub01/model.pth')
    assert list(weights.folds) == ['sub01']
    assert weights.classes == CLASSES
    assert 'give weights too' in refusal(CONFIG)


def test_the_checkpoint_gives_the_number_of_classes(run, tmp_path):
    """A config of configs/ leaves it to the annotation, which a user may not have."""
    checkpoint = run / 'folds/sub01/model.pth'
    weights = load_weights(CONFIG, checkpoint)
    assert weights.model['cls_head']['num_classes'] == len(CLASSES)
    content = torch.load(checkpoint, weights_only=True)
    write_checkpoint(tmp_path / 'a.pth', {**content, 'meta': {}})
    with pytest.raises(ConfigError, match='gives the number of classes'):
        load_weights(CONFIG, tmp_path / 'a.pth')


def test_one_file_holds_it_all(run, tmp_path):
    weights = load_weights(run)
    path = save_weights(weights, tmp_path / 'model.pth')
    again = load_weights(path)
    for name in ('model', 'pipeline', 'classes', 'dataset', 'held_out'):
        assert getattr(again, name) == getattr(weights, name)
    for name, learnt in weights.folds.items():
        assert learnt.keys() == again.folds[name].keys()
        assert all(torch.equal(learnt[key], again.folds[name][key]) for key in learnt)
    # Plain values and tensors alone.
    torch.load(path, weights_only=True)


def test_the_demo_ships_with_the_package():
    weights = load_weights()
    assert weights.classes == CLASSES and weights.folds
    assert weights.source.endswith('mpt_vit-tiny_synthme.pth')


def test_what_is_no_trained_model(tmp_path, run):
    assert "'demo' is the model that ships" in refusal(tmp_path / 'gone')
    assert 'no finished fold here' in refusal(tmp_path)
    (tmp_path / 'a.pth').write_text('text')
    assert 'not a readable checkpoint' in refusal(tmp_path / 'a.pth')
    write_checkpoint(tmp_path / 'b.pth', dict(state_dict=state(small_config(), 0)))
    assert 'weights without their config' in refusal(tmp_path / 'b.pth')
    meta = dict(mmaction_mer=99, facts={})
    write_checkpoint(tmp_path / 'c.pth', dict(meta=meta, folds={}))
    assert 'is of format 99' in refusal(tmp_path / 'c.pth')
    write_checkpoint(tmp_path / 'd.pth', dict(meta={}))
    assert 'holds no state_dict' in refusal(run / 'config.py', tmp_path / 'd.pth')


def test_code_in_a_file_of_weights_is_not_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return (tmp_path.joinpath('harm').mkdir, ())

    torch.save(dict(meta=Harm(), folds={}), tmp_path / 'a.pth')
    assert 'Nothing in it was run' in refusal(tmp_path / 'a.pth')
    assert not (tmp_path / 'harm').exists()


def test_a_run_whose_config_is_gone(tmp_path):
    run = make_run(tmp_path / 'run')
    (run / 'config.py').unlink()
    assert 'config of the run is gone' in refusal(run)


def test_folds_of_other_classes(tmp_path):
    run = make_run(tmp_path / 'run', folds=('sub01',))
    make_run(tmp_path / 'other', folds=('sub02',), classes=['a', 'b', 'c'])
    (tmp_path / 'other/folds/sub02').rename(run / 'folds/sub02')
    assert 'its folds name other classes' in refusal(run)


@pytest.mark.parametrize(
    'part',
    [
        dict(type='subprocess.Popen', args=['touch', 'harm']),
        dict(type='os.system', command='touch harm'),
        dict(type='mmengine.runner.Runner.x'),
        dict(type=3),
        dict(type='MPTRecognizer', _scope_='os'),
        dict(init_cfg=dict(type='Pretrained', checkpoint='http://127.0.0.1:9/x.pth')),
        dict(init_cfg=dict(type='Pretrained', checkpoint='/etc/passwd')),
    ],
)
@pytest.mark.parametrize('where', ['model', 'pipeline'])
def test_a_file_that_asks_for_anything_but_parts_is_refused(run, tmp_path, part, where):
    path = save_weights(load_weights(run), tmp_path / 'model.pth')
    content = torch.load(path, weights_only=True)
    facts = content['meta']['facts']
    if where == 'model':
        facts['model']['backbone'] = part
    else:
        facts['pipeline'].insert(1, part)
    torch.save(content, path)
    assert 'might run code' in refusal(path)


def test_a_file_that_lacks_something_says_so(run, tmp_path):
    path = save_weights(load_weights(run), tmp_path / 'model.pth')
    content = torch.load(path, weights_only=True)
    del content['meta']['facts']['classes']
    torch.save(content, path)
    assert 'lacks what a packed run holds' in refusal(path)
