"""A whole protocol: train, interrupt, resume, score again."""

import json
import shutil

import pytest
import torch
from mmaction.registry import HOOKS, RUNNERS
from mmengine.hooks import Hook
from settings import NAMES, edit_json, predictions, same_weights, train, weights

from mmaction_mer.datasets import MERDataset
from mmaction_mer.engine.runners import results as results_module
from mmaction_mer.engine.runners.loso_runner import build_run_hooks
from mmaction_mer.engine.runners.tasks import SeedRun
from mmaction_mer.engine.strategies import STRATEGIES
from mmaction_mer.engine.strategies.sequential import sequential
from mmaction_mer.evaluation.metrics import mer_metric
from mmaction_mer.utils.errors import ConfigError, MERDataError, MERRunError
from mmaction_mer.utils.hashing import file_digest


@HOOKS.register_module()
class EngineToyInterrupt(Hook):
    """Interrupt the process before an iteration, or before the test."""

    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            raise ConnectionAbortedError

    def before_test(self, runner):
        if self.at == 'test':
            raise ConnectionAbortedError


@pytest.fixture(scope='module')
def trained(finished_run):
    """The work directory of a finished run, and its results."""
    return finished_run, json.loads((finished_run / 'results.json').read_text())


def test_every_fold_is_trained_and_pooled(trained):
    run, results = trained
    assert results['clips'] == 16 and results['extra']['folds']['of'] == 4
    assert results['extra']['parameters'] == {'trainable': 83, 'total': 12419}
    for name in NAMES:
        files = {path.name for path in (run / 'folds' / name).iterdir()}
        assert {'predictions.jsonl', 'model.pth', 'fold.json'} <= files
        assert not files & {'last.pth', 'last_checkpoint'}
        assert any(file.endswith('.log') for file in files)
        lines = [json.loads(line) for line in predictions(run, name).splitlines()]
        assert [line['subject'] for line in lines] == [name] * 4
        assert (run / 'folds' / name / 'model.pth').stat().st_size < 8000
    # Folds differ, or the comparisons below would show nothing.
    assert not same_weights(weights(run, 's1'), weights(run, 's2'))


@pytest.mark.parametrize(
    ('fold', 'changes'), [('s3', {}), ('s2', {'train_dataloader__num_workers': 2})]
)
def test_a_fold_depends_on_neither_other_folds_nor_workers(
    fold, changes, trained, make_config, tmp_path
):
    results = train(make_config(loso__folds=[fold], **changes))
    assert same_weights(weights(tmp_path / 'run', fold), weights(trained[0], fold))
    assert predictions(tmp_path / 'run', fold) == predictions(trained[0], fold)
    assert results['clips'] == 4 and results['extra']['folds']['done'] == [fold]


def test_some_folds_now_the_others_later(trained, run_copy, make_config, capsys):
    for name in ('s2', 's3'):
        shutil.rmtree(run_copy / 'folds' / name)
    resumed = train(make_config(resume=True))
    assert '2 done already' in capsys.readouterr().out
    assert resumed['scores'] == trained[1]['scores']
    for name in NAMES:
        assert predictions(run_copy, name) == predictions(trained[0], name)


INNER = dict(loso__select='inner', train_cfg__val_interval=1)
EPOCHS = dict(
    train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=3, _delete_=True),
    train_dataloader__sampler=dict(type='DefaultSampler', shuffle=True),
)
INTERRUPTS = [
    pytest.param({}, [1, 5, 7], id='last'),
    pytest.param({}, ['test'], id='before-test'),
    pytest.param({'train_dataloader__num_workers': 2}, [5], id='workers'),
    pytest.param(INNER, [5, 'test'], id='inner'),
    pytest.param(EPOCHS, [5, 8], id='epochs'),
]


@pytest.mark.parametrize(('changes', 'interrupts'), INTERRUPTS)
def test_an_interrupted_fold_ends_as_an_uninterrupted_one(
    changes, interrupts, make_config, tmp_path, monkeypatch
):
    normal = SeedRun.fold_config
    changes = dict(changes, loso__folds=['s2'])
    train(make_config('whole', **changes))
    for number, at in enumerate(interrupts):
        runner = RUNNERS.build(make_config(resume=number > 0, **changes))

        # Not in the config, where the hook would change the fingerprint.
        def interrupted(run, fold, at=at):
            cfg = normal(run, fold)
            hook = dict(type='EngineToyInterrupt', at=at, priority='LOWEST')
            cfg.custom_hooks = [hook]
            return cfg

        with monkeypatch.context() as patched:
            patched.setattr(SeedRun, 'fold_config', interrupted)
            with pytest.raises(ConnectionAbortedError):
                runner.train()
        assert not (tmp_path / 'run' / 'results.json').exists()
    train(make_config(resume=True, **changes))
    whole, run = tmp_path / 'whole', tmp_path / 'run'
    assert same_weights(weights(run, 's2'), weights(whole, 's2'))
    assert predictions(run, 's2') == predictions(whole, 's2')
    states = [
        json.loads((at / 'folds' / 's2' / 'fold.json').read_text())
        for at in (run, whole)
    ]
    for state in states:
        del state['wall_time_s'], state['finished']
    assert states[0] == states[1]


@pytest.mark.parametrize(
    'kind', [dict(by_epoch=True), dict(type='EpochBasedTrainLoop')]
)
def test_augmentation_differs_from_epoch_to_epoch(kind, make_config, monkeypatch):
    import engine_toy

    seen = []
    forward = engine_toy.EngineToy.forward

    def watch(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            seen.append(torch.stack(list(inputs['clip'])).sum().item())
        return forward(self, inputs, data_samples, mode)

    monkeypatch.setattr(engine_toy.EngineToy, 'forward', watch)
    cfg = make_config(loso__folds=['s1'])
    cfg.train_cfg = dict(**kind, max_epochs=3)
    cfg.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=False)
    train(cfg)
    assert len(seen) == 9 and len(set(seen)) == 9


def test_a_used_work_dir_needs_a_resume_with_the_same_config(run_copy, make_config):
    with pytest.raises(MERRunError) as error:
        train(make_config())
    assert error.value.path == str(run_copy) and '--resume' in error.value.hint
    cfg = make_config(resume=True, optim_wrapper__optimizer__lr=0.02)
    with pytest.raises(MERRunError, match=r'optim_wrapper.optimizer.lr: 0.01 -> 0.02'):
        train(cfg)
    with pytest.raises(MERRunError, match=r"loso.select: 'last' -> 'inner'"):
        train(make_config(resume=True, loso__select='inner'))
    # Settings that do not change the numbers are free.
    cfg = make_config(resume=True, log_level='WARNING', train_dataloader__num_workers=1)
    assert train(cfg)['clips'] == 16
    with pytest.raises(MERRunError, match='resumes from its work directory'):
        train(make_config(resume=True, load_from='x.pth'))


def test_another_annotation_is_rejected(run_copy, make_config, toy_data, tmp_path):
    other = tmp_path / 'annotations.json'
    content = json.loads((toy_data / 'annotations.json').read_text())
    content['data_list'][0]['emotion'] = 'disgust'
    other.write_text(json.dumps(content))
    cfg = make_config(resume=True)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.ann_file = str(other)
    with pytest.raises(MERRunError, match='annotation: '):
        train(cfg)
    with pytest.raises(MERRunError, match='other data or another protocol'):
        RUNNERS.build(cfg).test()


def test_initial_weights_count_and_are_kept_on_resume(trained, make_config, tmp_path):
    run = trained[0]
    start = str(run / 'folds' / 's1' / 'model.pth')
    train(make_config('whole', load_from=start, loso__folds=['s2']))
    whole = predictions(tmp_path / 'whole', 's2')
    assert whole != predictions(run, 's2')
    train(make_config(load_from=start, loso__folds=['s1']))
    train(make_config(resume=True, loso__folds=['s1', 's2']))
    assert predictions(tmp_path / 'run', 's2') == whole


def test_a_truncated_training_state_is_named(run_copy, make_config):
    folder = run_copy / 'folds' / 's3'
    edit_json(folder / 'fold.json', status='running')
    (folder / 'last.pth').write_bytes((folder / 'model.pth').read_bytes()[:1000])
    before = predictions(run_copy, 's3')
    (folder / 'predictions.jsonl').unlink()
    with pytest.raises(MERRunError, match=r's3/last\.pth: .*delete this file'):
        train(make_config(resume=True))
    (folder / 'last.pth').unlink()
    train(make_config(resume=True))
    assert predictions(run_copy, 's3') == before


def test_half_written_files_are_removed(run_copy, make_config):
    left = [
        run_copy / where / '.config.py.abc.half-written' for where in ('.', 'folds/s3')
    ]
    for path in left:
        path.write_bytes(b'half')
        path.with_name('.vimrc.original').touch()
    (run_copy / 'folds' / 's3' / 'predictions.jsonl').unlink()
    train(make_config(resume=True))
    for path in left:
        assert not path.exists() and path.with_name('.vimrc.original').exists()


def test_scoring_again_gives_the_same_predictions(trained, make_config, tmp_path):
    run, results = trained
    again = RUNNERS.build(make_config('again', load_from=str(run))).test()
    assert again['scores'] == results['scores']
    for name in NAMES:
        assert predictions(tmp_path / 'again', name, 'test') == predictions(run, name)
    assert (tmp_path / 'again' / 'results_test.json').is_file()
    assert json.loads((run / 'results.json').read_text()) == results


@pytest.mark.parametrize('part', ['folds/s2', 'folds/s2/model.pth'])
def test_one_fold_is_scored_alone(part, trained, make_config, tmp_path, capsys):
    cfg = make_config('again', load_from=str(trained[0] / part), model__scale=0.5)
    cfg.randomness = None  # as mmaction's test.py leaves it
    cfg.test_evaluator = [
        cfg.test_evaluator,
        dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl')),
    ]
    results = RUNNERS.build(cfg).test()
    assert results['clips'] == 4 and '1 of 4 folds' in capsys.readouterr().out
    assert (tmp_path / 'dump.pkl').is_file()
    assert results['extra']['config_differs'] == ['model.scale: (absent) -> 0.5']


def test_scoring_needs_an_intact_checkpoint_of_this_model(run_copy, make_config):
    model = run_copy / 'folds' / 's1' / 'model.pth'
    model.write_bytes(b'PK')
    with pytest.raises(MERRunError) as error:
        RUNNERS.build(make_config()).test()
    assert error.value.path == str(model) and '--resume' in error.value.hint
    cfg = make_config(loso__folds=['s2'], model__width=8)
    with pytest.raises(MERRunError, match=r's2/model\.pth: .*another frozen backbone'):
        RUNNERS.build(cfg).test()
    with pytest.raises(MERRunError, match='no finished fold here'):
        RUNNERS.build(make_config(load_from=str(run_copy.parent))).test()


@pytest.mark.parametrize('state', [5, [1], torch.ones(2), None], ids=type)
def test_a_model_without_weights_by_name_is_not_scored(state, run_copy, make_config):
    model = run_copy / 'folds' / 's1' / 'model.pth'
    torch.save(dict(state_dict=state), model)
    # Its digest is changed as well.
    stored = json.loads(model.with_name('fold.json').read_text())
    digests = {**stored['digests'], 'model.pth': file_digest(model)}
    edit_json(model.with_name('fold.json'), digests=digests)
    with pytest.raises(MERRunError) as error:
        RUNNERS.build(make_config(load_from=str(run_copy))).test()
    assert error.value.path == str(model)


@pytest.mark.parametrize('key', ['selection', 'fingerprint'])
def test_folds_of_two_runs_are_not_pooled(key, run_copy, make_config):
    edit_json(run_copy / 'folds' / 's2' / 'fold.json', **{key: 'test'})
    runner = RUNNERS.build(make_config(load_from=str(run_copy)))
    folders = runner.runs[0].done()
    path = run_copy / 'other.json'
    for pool in (
        runner.test,
        lambda: results_module.pool_results(
            runner.runs[0], folders, folders, path, {'wall_time_s': 0.0}
        ),
    ):
        with pytest.raises(MERRunError, match='s1, s3, s4; test: s2') as error:
            pool()
        assert error.value.field == key
    assert not path.exists() and not (run_copy / 'test').exists()


def test_selection_on_the_test_subject_is_labeled(make_config, tmp_path, capfd):
    changes = dict(loso__select='test', loso__folds=['s1'], train_cfg__val_interval=4)
    results = train(make_config(**changes))
    label = 'selected on the test subject'
    shown = capfd.readouterr()
    rows = [line for line in shown.out.splitlines() if line.startswith(('acc', 'uf1'))]
    assert rows and all(label in row for row in rows)
    assert label in shown.err  # the progress bar
    assert results['scores']['note'] == label
    folder = tmp_path / 'run' / 'folds' / 's1'
    state = json.loads((folder / 'fold.json').read_text())
    assert state['chosen_on'] == label and state['iteration'] in (4, 8)
    # A new log for each second in which a runner was built.
    log = ''.join(path.read_text() for path in folder.glob('*.log'))
    assert 'selected_on_the_test_subject/uf1' in log and 'mer/uf1' not in log


def test_a_dataset_that_ignores_its_side_is_found_out(make_config, monkeypatch):
    monkeypatch.setattr(MERDataset, '_subjects_of_side', lambda self, known: known)
    with pytest.raises(MERDataError, match='trained on and held out'):
        train(make_config())


def test_a_frozen_layer_that_changes_is_found_out(make_config, monkeypatch):
    import engine_toy

    # Without its own train(), the frozen batch norm would update its statistics.
    monkeypatch.delattr(engine_toy.EngineToy, 'train')
    with pytest.raises(MERRunError, match='frozen weights of EngineToy changed'):
        train(make_config())


def test_a_model_that_cannot_be_slim_is_saved_complete(make_config, tmp_path):
    train(make_config(model__slim=False, loso__folds=['s1']))
    assert 'backbone.0.weight' in weights(tmp_path / 'run', 's1')
    cfg = make_config('again', model__slim=False, load_from=str(tmp_path / 'run'))
    RUNNERS.build(cfg).test()
    again = predictions(tmp_path / 'again', 's1', 'test')
    assert again == predictions(tmp_path / 'run', 's1')


def test_a_fold_leaves_nothing_in_the_process(make_config):
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer

    train(make_config(loso__folds=['s1']))
    kinds = (MessageHub, MMLogger, DefaultScope, Visualizer)
    before = [len(kind._instance_dict) for kind in kinds]
    train(make_config('other', loso__folds=['s1', 's2']))
    assert [len(kind._instance_dict) for kind in kinds] == before


def test_a_missing_fold_is_not_passed_over(make_config, tmp_path, monkeypatch):
    def forgetful(jobs, options):
        yield from sequential(jobs[:1], options)

    monkeypatch.setitem(STRATEGIES, 'forgetful', forgetful)
    cfg = make_config(loso__strategy='forgetful', loso__folds=['s1', 's2', 's4'])
    with pytest.raises(MERRunError, match=r'2 of 3 folds are not done: s2, s4'):
        train(cfg)
    assert not (tmp_path / 'run' / 'results.json').exists()


def test_samples_without_names_are_rejected_before_training(make_config, tmp_path):
    cfg = make_config()
    cfg.test_dataloader.dataset.pipeline[-1] = dict(
        type='PackMERInputs', meta_keys=('dataset', 'img_shape')
    )
    state = torch.get_rng_state()
    with pytest.raises(MERRunError, match='no subject, clip') as error:
        train(cfg)
    assert 'meta_keys=' in error.value.hint
    assert torch.equal(torch.get_rng_state(), state)
    assert not (tmp_path / 'run' / 'folds').exists()


def test_predictions_without_names_end_the_first_fold(
    make_config, tmp_path, monkeypatch
):
    # Names that are lost behind the data set, such as in a model.
    monkeypatch.setattr(mer_metric, 'NAMES', ('lost',))
    with pytest.raises((MERRunError, MERDataError), match=r'without lost.*meta_keys='):
        train(make_config())
    folds = tmp_path / 'run' / 'folds'
    assert [path.name for path in folds.iterdir()] == ['s1']
    state = json.loads((folds / 's1' / 'fold.json').read_text())
    assert state['status'] == 'running'


@pytest.mark.parametrize(
    'hooks', [[dict(type='Nope')], 5, [dict(type='RunReportHook', x=1)], [None]]
)
def test_run_hooks_that_cannot_be_built_are_named_before_training(hooks):
    with pytest.raises(ConfigError) as error:
        build_run_hooks(hooks)
    assert error.value.field == 'run_hooks'
