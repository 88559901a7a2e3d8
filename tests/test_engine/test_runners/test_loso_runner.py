import json
import shutil

import pytest
import torch
from mmaction.registry import HOOKS, RUNNERS
from mmengine.config import Config
from mmengine.hooks import Hook

from mmaction_mer.engine.runners.prediction_ids import check_names
from mmaction_mer.engine.runners.tasks import SeedRun
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint
from mmaction_mer.utils.errors import MERDataError, MERRunError

NAMES = ('s1', 's2', 's3', 's4')


@HOOKS.register_module()
class EngineToyCut(Hook):
    """Stop the process, as it were, before or after some iteration."""

    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            raise ConnectionAbortedError

    def before_test(self, runner):
        if self.at == 'test':
            raise ConnectionAbortedError


def train(cfg):
    return RUNNERS.build(cfg).train()


def lines(work_dir, fold, part='folds'):
    return (work_dir / part / fold / 'predictions.jsonl').read_text()


def weights(work_dir, fold):
    return read_checkpoint(work_dir / 'folds' / fold / 'model.pth')['state_dict']


def same_weights(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope='module')
def finished(module_config):
    """A finished run: its work directory and its results."""
    cfg = Config.fromfile(module_config)
    run = module_config.parent / 'run'
    cfg.work_dir = str(run)
    return run, train(cfg)


@pytest.fixture
def run_copy(finished, tmp_path):
    """A copy of the finished run, to be spoiled."""
    shutil.copytree(finished[0], tmp_path / 'run')
    return tmp_path / 'run'


def test_every_fold_is_trained_and_pooled(finished):
    run, results = finished
    assert results['clips'] == 16 and results['extra']['folds']['of'] == 4
    assert json.loads((run / 'results.json').read_text()) == results
    assert (run / 'confusion.png').stat().st_size > 1000
    assert results['extra']['parameters'] == {'trainable': 83, 'total': 12419}
    for name in NAMES:
        files = {path.name for path in (run / 'folds' / name).iterdir()}
        assert {'predictions.jsonl', 'model.pth', 'fold.json'} <= files
        assert not files & {'last.pth', 'last_checkpoint'}
        assert any(file.endswith('.log') for file in files)
        held_out = [json.loads(line) for line in lines(run, name).splitlines()]
        assert [line['subject'] for line in held_out] == [name] * 4
        assert (run / 'folds' / name / 'model.pth').stat().st_size < 8000
    # Folds differ, or nothing below would show anything.
    assert not same_weights(weights(run, 's1'), weights(run, 's2'))


def test_a_fold_does_not_depend_on_those_before_it(finished, make_config, tmp_path):
    run, _ = finished
    results = train(make_config(loso__folds=['s3']))
    assert lines(tmp_path / 'run', 's3') == lines(run, 's3')
    assert results['clips'] == 4 and results['extra']['folds']['done'] == ['s3']


def test_workers_do_not_change_the_numbers(finished, make_config, tmp_path):
    run, _ = finished
    train(make_config(loso__folds=['s2'], train_dataloader__num_workers=2))
    assert same_weights(weights(tmp_path / 'run', 's2'), weights(run, 's2'))


def test_some_folds_now_the_others_later(finished, make_config, tmp_path, capsys):
    run, complete = finished
    train(make_config(loso__folds=['s4', 's1']))
    assert '2 of 4 folds' in capsys.readouterr().out
    resumed = train(make_config(resume=True))
    assert '2 done already' in capsys.readouterr().out
    assert resumed['scores'] == complete['scores']
    assert [lines(tmp_path / 'run', n) for n in NAMES] == [lines(run, n) for n in NAMES]


INNER = dict(loso__select='inner', train_cfg__val_interval=1)
EPOCHS = dict(
    train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=3, _delete_=True),
    train_dataloader__sampler=dict(type='DefaultSampler', shuffle=True),
)


CUTS = [
    pytest.param({}, [1, 5, 7], id='last'),
    pytest.param({}, ['test'], id='before-test'),
    pytest.param({'train_dataloader__num_workers': 2}, [5], id='workers'),
    pytest.param(INNER, [5, 'test'], id='inner'),
    pytest.param(EPOCHS, [5, 8], id='epochs'),
]


@pytest.mark.parametrize(('changes', 'cuts'), CUTS)
def test_a_cut_fold_ends_as_an_uninterrupted_one(
    changes, cuts, make_config, tmp_path, monkeypatch
):
    normal = SeedRun.fold_config
    changes = dict(changes, loso__folds=['s2'])
    train(make_config('whole', **changes))
    for number, cut in enumerate(cuts):
        runner = RUNNERS.build(make_config(resume=number > 0, **changes))

        # Not in the config, where the hook would change the fingerprint.
        def cut_short(run, fold, cut=cut):
            cfg = normal(run, fold)
            cfg.custom_hooks = [dict(type='EngineToyCut', at=cut, priority='LOWEST')]
            return cfg

        with monkeypatch.context() as patched:
            patched.setattr(SeedRun, 'fold_config', cut_short)
            with pytest.raises(ConnectionAbortedError):
                runner.train()
        assert not (tmp_path / 'run' / 'results.json').exists()
    train(make_config(resume=True, **changes))
    whole, run = tmp_path / 'whole', tmp_path / 'run'
    assert same_weights(weights(run, 's2'), weights(whole, 's2'))
    assert lines(run, 's2') == lines(whole, 's2')
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
def test_augmentation_goes_on_from_epoch_to_epoch(kind, make_config, monkeypatch):
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


def test_a_used_work_dir_is_refused_without_resume(run_copy, make_config):
    with pytest.raises(MERRunError, match=r'already holds 4 fold.*--resume'):
        train(make_config())


def test_folds_of_another_config_are_refused_by_key(run_copy, make_config):
    cfg = make_config(resume=True, optim_wrapper__optimizer__lr=0.02)
    with pytest.raises(MERRunError, match=r'optim_wrapper.optimizer.lr: 0.01 -> 0.02'):
        train(cfg)
    with pytest.raises(MERRunError, match=r"loso.select: 'last' -> 'inner'"):
        train(make_config(resume=True, loso__select='inner'))


def test_how_it_is_run_is_not_part_of_the_fingerprint(run_copy, make_config):
    cfg = make_config(
        resume=True,
        train_dataloader__num_workers=1,
        log_level='WARNING',
        default_hooks__checkpoint__interval=5,
        randomness=dict(seed=0, deterministic=False, diff_rank_seed=False),
    )
    assert train(cfg)['clips'] == 16


def test_another_annotation_is_refused(run_copy, make_config, toy_data, tmp_path):
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


def test_unknown_names_list_the_known_ones(make_config):
    with pytest.raises(MERRunError, match=r'no such fold: s9; .*s1, s2, s3, s4'):
        RUNNERS.build(make_config(loso__folds=['s1', 's9']))
    with pytest.raises(MERRunError, match=r"'best', not one of last, inner, test"):
        RUNNERS.build(make_config(loso__select='best'))
    with pytest.raises(MERRunError, match=r"'magic', not one of sequential"):
        RUNNERS.build(make_config(loso__strategy='magic'))
    with pytest.raises(MERRunError, match=r'loso.fold is not an option'):
        RUNNERS.build(make_config(loso__fold='s1'))


def test_resuming_from_a_file_is_refused(make_config):
    with pytest.raises(MERRunError, match='resumes from its work directory'):
        train(make_config(resume=True, load_from='x.pth'))


def test_initial_weights_count_and_are_kept_on_resume(finished, make_config, tmp_path):
    run, _ = finished
    start = str(run / 'folds' / 's1' / 'model.pth')
    train(make_config('whole', load_from=start))
    assert lines(tmp_path / 'whole', 's2') != lines(run, 's2')
    train(make_config(load_from=start, loso__folds=['s1']))
    train(make_config(resume=True))
    assert lines(tmp_path / 'run', 's2') == lines(tmp_path / 'whole', 's2')


def test_a_training_state_cut_short_is_named(run_copy, make_config):
    folder = run_copy / 'folds' / 's3'
    state = json.loads((folder / 'fold.json').read_text())
    (folder / 'fold.json').write_text(json.dumps({**state, 'status': 'running'}))
    (folder / 'last.pth').write_bytes((folder / 'model.pth').read_bytes()[:1000])
    before = lines(run_copy, 's3')
    (folder / 'predictions.jsonl').unlink()
    with pytest.raises(MERRunError, match=r's3/last\.pth: .*delete this file'):
        train(make_config(resume=True))
    (folder / 'last.pth').unlink()
    train(make_config(resume=True))
    assert lines(run_copy, 's3') == before


@pytest.mark.parametrize('where', ['.', 'folds/s3'])
def test_half_written_files_are_cleared(where, run_copy, make_config):
    left = run_copy / where / '.config.py.abc.half-written'
    left.write_bytes(b'half')
    (run_copy / where / '.vimrc.original').touch()
    (run_copy / 'folds' / 's3' / 'predictions.jsonl').unlink()
    train(make_config(resume=True))
    assert not left.exists()
    assert (run_copy / where / '.vimrc.original').exists()


def test_scoring_again_gives_the_same_predictions(finished, make_config, tmp_path):
    run, trained = finished
    before = (run / 'results.json').read_text()
    results = RUNNERS.build(make_config('again', load_from=str(run))).test()
    assert results['scores'] == trained['scores']
    for name in NAMES:
        assert lines(tmp_path / 'again', name, 'test') == lines(run, name)
    assert (tmp_path / 'again' / 'results_test.json').is_file()
    assert (run / 'results.json').read_text() == before


@pytest.mark.parametrize('part', ['folds/s2', 'folds/s2/model.pth'])
def test_one_fold_is_scored_alone(part, finished, make_config, tmp_path, capsys):
    run, _ = finished
    cfg = make_config('again', load_from=str(run / part))
    cfg.randomness = None  # as mmaction's test.py leaves it
    cfg.test_evaluator = [
        cfg.test_evaluator,
        dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl')),
    ]
    assert RUNNERS.build(cfg).test()['clips'] == 4
    assert lines(tmp_path / 'again', 's2', 'test') == lines(run, 's2')
    assert '1 of 4 folds' in capsys.readouterr().out
    assert (tmp_path / 'dump.pkl').is_file()


def test_scoring_needs_a_whole_checkpoint_of_this_model(run_copy, make_config):
    (run_copy / 'folds' / 's1' / 'model.pth').write_bytes(b'PK')
    with pytest.raises(
        MERRunError, match=r'(?s)s1/model\.pth: was changed or cut.*--resume'
    ):
        RUNNERS.build(make_config()).test()
    cfg = make_config(loso__folds=['s2'], model__width=8)
    with pytest.raises(MERRunError, match=r's2/model\.pth: .*another frozen backbone'):
        RUNNERS.build(cfg).test()
    with pytest.raises(MERRunError, match='no finished fold here'):
        RUNNERS.build(make_config(load_from=str(run_copy.parent))).test()


def test_a_changed_model_is_named_when_scored(finished, make_config, capsys):
    cfg = make_config('again', load_from=str(finished[0]), model__scale=0.5)
    results = RUNNERS.build(cfg).test()
    assert results['extra']['config_differs'] == ['model.scale: (absent) -> 0.5']
    assert 'model.scale' in capsys.readouterr().out


def test_selection_on_the_test_subject_is_labelled(make_config, tmp_path, capfd):
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
    # One log per second in which a runner was built here.
    log = ''.join(path.read_text() for path in folder.glob('*.log'))
    assert 'selected_on_the_test_subject/uf1' in log and 'mer/uf1' not in log


def test_inner_selection_never_sees_the_held_out_subject(make_config, tmp_path):
    runner = RUNNERS.build(make_config(loso__select='inner'))
    for fold in runner.plan.folds:
        cfg = runner.runs[0].fold_config(fold)
        inner = set(cfg.val_dataloader.dataset.inner)
        assert inner and inner < set(fold.train)
        assert cfg.val_dataloader.dataset.side == 'val'
        assert set(cfg.train_dataloader.dataset.inner) == inner
        # Validation sees clips as testing does, without augmentation.
        assert (
            cfg.val_dataloader.dataset.pipeline == cfg.test_dataloader.dataset.pipeline
        )


def test_subjects_that_a_config_holds_out_do_not_cut_a_protocol(make_config):
    """What a config names for one fold, without a side, is replaced by the plan's.

    Names are checked, and clips are listed, over everybody.
    """
    cfg = make_config()
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.update(held_out=['s2'], inner=['s3'])
    plan = RUNNERS.build(cfg).plan
    assert [fold.name for fold in plan.folds] == ['s1', 's2', 's3', 's4']
    assert len(plan.subjects) == 16
    check_names(cfg)


def test_a_dataset_that_ignores_its_side_is_found_out(make_config, monkeypatch):
    from mmaction_mer.datasets import MERDataset

    monkeypatch.setattr(MERDataset, '_subjects_of_side', lambda self, known: known)
    with pytest.raises(MERDataError, match='trained on and held out'):
        train(make_config())


def test_a_frozen_layer_that_changes_is_found_out(make_config, monkeypatch):
    import engine_toy

    # Without its own train(), the frozen batch norm would go on counting.
    monkeypatch.delattr(engine_toy.EngineToy, 'train')
    with pytest.raises(MERRunError, match='what is frozen in EngineToy changed'):
        train(make_config())


def test_a_model_without_the_promise_is_saved_complete(make_config, tmp_path):
    train(make_config(model__slim=False, loso__folds=['s1']))
    assert 'backbone.0.weight' in weights(tmp_path / 'run', 's1')
    cfg = make_config('again', model__slim=False, load_from=str(tmp_path / 'run'))
    RUNNERS.build(cfg).test()
    assert lines(tmp_path / 'again', 's1', 'test') == lines(tmp_path / 'run', 's1')


def test_nothing_of_a_fold_stays_in_the_process(finished, make_config):
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer

    kinds = (MessageHub, MMLogger, DefaultScope, Visualizer)
    before = [len(kind._instance_dict) for kind in kinds]
    train(make_config(loso__folds=['s1', 's2']))
    assert [len(kind._instance_dict) for kind in kinds] == before
