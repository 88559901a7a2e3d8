"""Damaged files of finished folds: named by every reader, repaired by --resume."""

import json
import os
import re
import shlex
import shutil

import pytest
import torch
from load_tool import load_tool
from mmaction.registry import RUNNERS
from settings import NAMES, edit_json, outcome, same_weights, train, weights

from mmaction_mer.analysis.run_report import write_page
from mmaction_mer.engine.runners import repair
from mmaction_mer.engine.strategies import STRATEGIES
from mmaction_mer.engine.work_dir.fold_check import check_model
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.engine.work_dir.work_dir import WorkDir
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint
from mmaction_mer.utils.errors import MERDataError, MERRunError


@pytest.fixture(scope='module')
def whole(finished_run):
    """What the finished run came to."""
    return everything(finished_run)


@pytest.fixture
def run(run_copy):
    """A copy of the finished run, to be damaged."""
    return run_copy


def everything(run):
    """Everything of a run that must not depend on what happened to it."""
    states = [FoldFolder(run / 'folds' / name) for name in NAMES]
    assert all(folder.done() for folder in states)
    states = [folder.state() for folder in states]
    return *outcome(run), [(one['held_out'], one['iteration']) for one in states]


def read_runs(run):
    return WorkDir(run).runs()


def swapped(one, other):
    between = one.with_name('between')
    one.rename(between)
    other.rename(one)
    between.rename(other)


def lines_of(path, change):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = change(rows)
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def on_first(**fields):
    return lambda rows: [{**rows[0], **fields}, *rows[1:]]


P = 'folds/s2/predictions.jsonl'
OTHER_LABEL = {0: 1, 1: 2, 2: 0}
PREDICTIONS = {
    'two lines less': lambda run: lines_of(run / P, lambda rows: rows[2:]),
    'a line twice': lambda run: lines_of(run / P, lambda rows: [*rows, rows[0]]),
    'a line added': lambda run: lines_of(
        run / P, lambda rows: [*rows, {**rows[0], 'clip': 'more'}]
    ),
    'a label': lambda run: lines_of(
        run / P,
        lambda rows: on_first(label=OTHER_LABEL[rows[0]['label']])(rows),
    ),
    'a subject': lambda run: lines_of(run / P, on_first(subject='s1')),
    'a data set': lambda run: lines_of(run / P, on_first(dataset='casme2')),
    'a clip': lambda run: lines_of(run / P, on_first(clip='s2_c9')),
    'a class more': lambda run: lines_of(
        run / P, on_first(probabilities=[0.4, 0.3, 0.2, 0.1])
    ),
    'probabilities': lambda run: lines_of(
        run / P, on_first(probabilities=[0.25, 0.25, 0.5])
    ),
    'a prediction': lambda run: lines_of(
        run / P, lambda rows: on_first(prediction=(rows[0]['prediction'] + 1) % 3)(rows)
    ),
    'half a line': lambda run: (run / P).write_bytes((run / P).read_bytes()[:-30]),
    'no byte': lambda run: (run / P).write_bytes(b''),
    'no text': lambda run: (run / P).write_bytes(b'\xff' * 100),
    'a pipe': lambda run: ((run / P).unlink(), os.mkfifo(run / P)),
    'two files swapped': lambda run: swapped(
        run / P, run / 'folds/s3/predictions.jsonl'
    ),
    'another fold': lambda run: shutil.copy(
        run / 'folds/s3/predictions.jsonl', run / P
    ),
}


@pytest.mark.parametrize('name', PREDICTIONS)
def test_wrong_predictions_are_scored_again(name, run, whole, make_config):
    PREDICTIONS[name](run)
    # Every reader rejects them: a score of other clips is a wrong number.
    with pytest.raises((MERDataError, MERRunError)):
        read_runs(run)
    with pytest.raises((MERDataError, MERRunError)):
        write_page(run, make_config())
    assert load_tool('analysis/score.py').main([str(run)]) == 1
    models = [run / 'folds' / name / 'model.pth' for name in NAMES]
    before = [model.stat().st_mtime_ns for model in models]
    train(make_config(resume=True))
    assert everything(run) == whole
    # The models are intact: none is trained again.
    assert [model.stat().st_mtime_ns for model in models] == before
    assert list(read_runs(run)) == [0]


M = 'folds/s2/model.pth'


def replaced(path):
    content = read_checkpoint(path)
    content['state_dict'] = {
        key: value.flip(0) if value.ndim else value
        for key, value in content['state_dict'].items()
    }
    torch.save(content, path)


MODELS = {
    'no byte': lambda run: (run / M).write_bytes(b''),
    'half': lambda run: (run / M).write_bytes((run / M).read_bytes()[:2000]),
    'other weights': lambda run: replaced(run / M),
    'no checkpoint': lambda run: torch.save([1], run / M),
    'gone': lambda run: (run / M).unlink(),
    'of another fold': lambda run: shutil.copy(run / 'folds/s3/model.pth', run / M),
    'and the predictions': lambda run: (
        (run / M).write_bytes(b''),
        (run / P).write_bytes(b''),
    ),
}


@pytest.mark.parametrize('name', MODELS)
def test_a_damaged_model_is_trained_again(name, run, whole, finished_run, make_config):
    MODELS[name](run)
    with pytest.raises(MERRunError):
        check_model(FoldFolder(run / 'folds' / 's2'))
    with pytest.raises(MERRunError):
        RUNNERS.build(make_config('again', load_from=str(run))).test()
    other = run / 'folds' / 's1' / 'model.pth'
    before = other.stat().st_mtime_ns
    train(make_config(resume=True))
    assert everything(run) == whole
    assert same_weights(weights(run, 's2'), weights(finished_run, 's2'))
    assert other.stat().st_mtime_ns == before


F = 'folds/s2/fold.json'
STATES = {
    'other subjects held out': lambda run: edit_json(run / F, held_out=['s3']),
    'another selection': lambda run: edit_json(run / F, selection='test'),
    'another seed': lambda run: edit_json(run / F, seed=5),
    'another fingerprint': lambda run: edit_json(run / F, fingerprint='x'),
    'no digests': lambda run: edit_json(run / F, digests=None),
    'empty digests': lambda run: edit_json(run / F, digests={}),
    'no byte': lambda run: (run / F).write_bytes(b''),
    'gone': lambda run: (run / F).unlink(),
    'swapped': lambda run: swapped(run / F, run / 'folds/s3/fold.json'),
    'done by hand, no model': lambda run: (
        (run / F).write_text('{"status": "done"}'), (run / M).unlink(),
    ),
    'the whole folder': lambda run: swapped(run / 'folds/s2', run / 'folds/s3'),
}  # fmt: skip


@pytest.mark.parametrize('name', STATES)
def test_a_wrong_state_is_repaired(name, run, whole, make_config):
    STATES[name](run)
    if name != 'gone':
        with pytest.raises(MERRunError):
            read_runs(run)
    train(make_config(resume=True))
    assert everything(run) == whole


RESULTS = {
    'a score': lambda results: {**results, 'scores': {**results['scores'], 'acc': 0.9}},
    'a matrix': lambda results: {
        **results, 'confusion': [[5, 0, 0], [0, 6, 0], [0, 0, 5]],
    },
    'classes': lambda results: {**results, 'classes': ['b', 'a', 'c']},
    'the selection': lambda results: {**results, 'selection': 'test'},
}  # fmt: skip


@pytest.mark.parametrize('name', RESULTS)
def test_results_of_other_predictions_are_not_shown(name, run, whole, make_config):
    path = run / 'results.json'
    path.write_text(json.dumps(RESULTS[name](json.loads(path.read_text()))))
    with pytest.raises(MERRunError):
        write_page(run, make_config())
    assert not (run / 'report.html').exists()
    train(make_config(resume=True))
    assert everything(run) == whole


def plan_edit_json(run, change):
    path = run / 'loso.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


PLANS = {
    'no byte': lambda run: (run / 'loso.json').write_bytes(b''),
    'gone': lambda run: (run / 'loso.json').unlink(),
    'a clip': lambda run: plan_edit_json(run, lambda one: one['clips']['tested'].pop()),
    'classes': lambda run: plan_edit_json(run, lambda one: one['classes'].reverse()),
}


@pytest.mark.parametrize('name', PLANS)
def test_a_damaged_plan_is_written_again(name, finished_run, make_config, tmp_path):
    """Also of a run with initial weights, whose name is in the plan."""
    start = str(finished_run / 'folds' / 's1' / 'model.pth')
    run = tmp_path / 'run'
    train(make_config(load_from=start, loso__folds=['s1', 's2']))
    before = (run / P).read_bytes()
    plan = (run / 'loso.json').read_bytes()
    PLANS[name](run)
    if name != 'gone':
        with pytest.raises(MERRunError):
            read_runs(run)
    train(make_config(resume=True, loso__folds=['s1', 's2']))
    assert (run / P).read_bytes() == before
    assert (run / 'loso.json').read_bytes() == plan


def test_a_fold_that_is_not_asked_for_is_left_out_if_its_model_is_damaged(
    run, make_config, whole
):
    (run / M).write_bytes(b'')
    results = train(make_config(resume=True, loso__folds=['s1']))
    assert results['extra']['folds']['done'] == ['s1', 's3', 's4']
    train(make_config(resume=True))
    assert everything(run) == whole


def test_a_kill_between_the_files_of_a_repaired_fold(
    run, make_config, whole, monkeypatch
):
    PREDICTIONS['a label'](run)

    def killed(folder, facts):
        raise ConnectionAbortedError

    with monkeypatch.context() as patch:
        patch.setattr(FoldFolder, 'rewrite', killed)
        with pytest.raises(ConnectionAbortedError):
            train(make_config(resume=True))
    train(make_config(resume=True))
    assert everything(run) == whole


def test_a_share_repairs_only_its_own_folds(run, make_config, whole, monkeypatch):
    for name in ('s2', 's3'):
        (run / 'folds' / name / 'predictions.jsonl').write_bytes(b'')
    scored = []
    score = repair.score_fold
    monkeypatch.setattr(
        repair,
        'score_fold',
        lambda cfg, model, held_out: (
            scored.append(held_out), score(cfg, model, held_out)
        )[1],
    )  # fmt: skip
    train(make_config(loso__share=[1, 2]))
    assert scored == [['s2']]
    train(make_config(resume=True))
    assert scored == [['s2'], ['s3']] and everything(run) == whole


def commands(text):
    """The commands that a message names."""
    return [shlex.split(one) for one in re.findall(r'python (tools/\S+ .*)', text)]


def test_the_commands_of_messages_repair_the_run(run, whole, capsys):
    """The message of each reader is followed to the letter."""
    others = run.with_name('other')
    shutil.copytree(run, others)
    readers = {
        'analysis/compare.py': [str(others), str(run)],
        'analysis/report.py': [str(run)],
        'analysis/visualize.py': [str(run), '--what', 'confusion'],
        'test.py': [str(run / 'config.py'), str(run)],
        'analysis/score.py': [str(run)],
    }
    damages = [PREDICTIONS['two lines less'], MODELS['half'], STATES['no byte']]
    for number, (tool, arguments) in enumerate(readers.items()):
        damage = MODELS['no byte'] if tool == 'test.py' else damages[number % 3]
        if damage is MODELS['half']:
            PREDICTIONS['no byte'](run)
        damage(run)
        code = load_tool(tool).main(arguments)
        shown = capsys.readouterr()
        assert code == 1, (tool, shown.out)
        ((script, *options),) = commands(shown.err)
        assert script == 'tools/train.py'
        assert load_tool('train.py').main(options) == 0, capsys.readouterr().err
        assert everything(run) == whole, tool
        capsys.readouterr()


def test_seeds_are_repaired_together(make_config, tmp_path, capsys):
    run = tmp_path / 'run'
    changes = dict(loso__seeds=[0, 2], train_cfg__max_iters=2)
    train(make_config(**changes))
    before = json.loads((run / 'results.json').read_text())
    folds = run / 'seed2' / 'folds'
    # Those of another seed have the same clips and labels.
    shutil.copy(run / 'seed0' / P, folds / 's2' / 'predictions.jsonl')
    (folds / 's4' / 'model.pth').write_bytes(b'')
    with pytest.raises(MERDataError) as error:
        read_runs(run)
    ((_, *options),) = commands(str(error.value))
    assert load_tool('train.py').main(options) == 0, capsys.readouterr().err
    after = json.loads((run / 'results.json').read_text())
    assert {**after, 'extra': 0} == {**before, 'extra': 0}
    read_runs(run)


def test_training_continues_when_a_finished_fold_is_damaged_meanwhile(
    run, make_config, whole, monkeypatch
):
    """The damaged fold is reported at the end, and nothing is pooled."""
    for name in ('s3', 's4'):
        shutil.rmtree(run / 'folds' / name)
    (run / 'results.json').unlink()

    def breaks(jobs, options, one_by_one=STRATEGIES['sequential']):
        for job in one_by_one(jobs, options):
            PREDICTIONS['two lines less'](run)
            yield job

    with monkeypatch.context() as patch:
        patch.setitem(STRATEGIES, 'sequential', breaks)
        with pytest.raises(MERDataError):
            train(make_config(resume=True))
    assert FoldFolder(run / 'folds' / 's4').done()
    assert not (run / 'results.json').exists()
    train(make_config(resume=True))
    assert everything(run) == whole


@pytest.mark.parametrize('gone', [NAMES[0], NAMES[3]])
def test_score_names_a_missing_fold(gone, run, capsys):
    shutil.rmtree(run / 'folds' / gone)
    assert load_tool('analysis/score.py').main([str(run)]) == 0
    assert gone in capsys.readouterr().err


def test_a_copied_fold_is_checked_by_its_own_files(run, tmp_path):
    copy = tmp_path / 'elsewhere' / 'mine'
    shutil.copytree(run / 'folds' / 's2', copy)
    command = [str(copy), '--classes', 'a', 'b', 'c']
    score = load_tool('analysis/score.py').main
    assert score(command) == 0
    whole = (copy / 'predictions.jsonl').read_bytes()
    for name in ('two lines less', 'a label', 'a clip', 'probabilities'):
        (run / P).write_bytes(whole)
        PREDICTIONS[name](run)
        shutil.copy(run / P, copy)
        assert score(command) == 1, name
