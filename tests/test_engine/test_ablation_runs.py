"""Runs behind tables: shared between tables, resumed, and what becomes of a failure."""

import json
import os
from pathlib import Path

import pytest
from ablation_toy import write_run
from load_tool import load_tool

from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.engine import ablation_runs
from mmaction_mer.engine.ablation import read_table
from mmaction_mer.engine.ablation_files import write_table
from mmaction_mer.engine.ablation_runs import (
    run_trial,
    standing,
    stored,
    up_to_date,
)
from mmaction_mer.engine.ablation_trials import plan_trials
from mmaction_mer.engine.errors import MERRunError
from mmaction_mer.engine.work_dir_lock import WorkDirLock

BASE = """
runner_type = 'LOSORunner'
loso = dict(protocol='loso', strategy='sequential')
model = dict(type='R', alpha=20.0, prompt=dict(type='P', num=5))
train_dataloader = dict(dataset=dict(data_root='data'))
randomness = dict(seed=4)
"""
FIRST = """
title = 'First'
base = 'base.py'
paper = dict(source='a paper', dataset='SMIC')
rows = [
    dict(name='alpha = 0', options={'model.alpha': 0.0}, paper=dict(acc=50.0)),
    dict(name='whole', options={}),
    dict(name='broken', options={'model.alpha': -1.0}),
]
"""
SECOND = """
title = 'Second'
base = 'base.py'
rows = [
    dict(name='off', options={'model.prompt': None}),
    dict(name='on', options={}),
    dict(name='no gain', options={'model.alpha': 0.0}),
]
"""


@pytest.fixture
def lists(tmp_path):
    folder = tmp_path / 'configs' / 'ablations'
    folder.mkdir(parents=True)
    (tmp_path / 'configs' / 'base.py').write_text(BASE)
    (folder / 'first.py').write_text(FIRST)
    (folder / 'second.py').write_text(SECOND)
    return [folder / 'first.py', folder / 'second.py']


def test_a_row_that_lacks_a_fold_has_no_number(lists, tmp_path):
    trial = plan_trials(read_table(lists[0]), tmp_path / 'out')[0]
    write_run(trial.folder, 0.9, trial.seeds)
    assert stored(trial) is not None
    path = trial.folder / f'seed{trial.seeds[0]}' / 'results.json'
    missing = [{'fold': 's2', 'clips': 3, 'reason': 'diverged at iteration 6'}]
    path.write_text(json.dumps({**json.loads(path.read_text()), 'missing': missing}))
    assert stored(trial) is None


@pytest.fixture
def trained(monkeypatch):
    """Runs that are made up at once; the list of those that were 'trained'."""
    done = []

    class Fake:
        def __init__(self, cfg):
            self.cfg = cfg

        @classmethod
        def from_cfg(cls, cfg):
            return cls(cfg)

        def train(self):
            cfg = self.cfg
            with WorkDirLock(Path(cfg.work_dir)) as lock:
                lock.take()
                if cfg.model.alpha < 0:
                    raise MERRunError('alpha is below 0 | it cannot be')
                done.append((Path(cfg.work_dir).name, cfg.loso.seeds))
                skill = 0.9 if cfg.model.alpha else 0.6
                write_run(cfg.work_dir, skill, cfg.loso.seeds)

    monkeypatch.setattr(ablation_runs, 'LOSORunner', Fake)
    monkeypatch.setattr(ablation_runs, 'up_to_date', lambda one: bool(stored(one)))
    return done


def start(lists, out, *more):
    return load_tool('ablate.py').main([*map(str, lists), '--out', str(out), *more])


def table_of(out, name):
    return json.loads((out / 'base' / f'{name}.json').read_text())


def rows_of(out, name):
    return {row['name']: row for row in table_of(out, name)['rows']}


def test_rows_of_two_tables_that_are_one_run_are_trained_once(
    lists, trained, tmp_path, capsys
):
    out = tmp_path / 'out'
    lists[0].write_text(FIRST.replace('-1.0', '5.0'))
    assert start(lists, out, '--seeds', '0', '1') == 0
    assert len(trained) == 4  # of six rows
    assert {tuple(seeds) for _, seeds in trained} == {(0, 1)}
    first, second = rows_of(out, 'first'), rows_of(out, 'second')
    assert first['whole']['acc'] == second['on']['acc']
    assert first['alpha = 0']['acc'] == second['no gain']['acc']
    said = capsys.readouterr().out
    assert 'row 1 of 4: alpha = 0 (first)\n' in said
    assert 'row 4 of 4: off (second), about ' in said
    for name in ('first', 'second'):
        for ending in ('md', 'tex', 'png'):
            assert (out / 'base' / f'{name}.{ending}').stat().st_size > 300


def test_a_second_start_trains_nothing_and_more_seeds_are_added(
    lists, trained, tmp_path, capsys
):
    out = tmp_path / 'out'
    assert start(lists[1:], out, '--seeds', '0', '1') == 0
    before = list(trained)
    assert start(lists[1:], out, '--seeds', '1', '0') == 0
    assert trained == before
    assert capsys.readouterr().out.count('done already') == 3
    # A single seed is read out of the same folders.
    assert start(lists[1:], out, '--seeds', '1') == 0
    assert trained == before
    assert table_of(out, 'second')['measured']['seeds'] == [1]
    assert start(lists[1:], out, '--seeds', '0', '1', '2') == 0
    assert len(trained) == 2 * len(before)
    assert table_of(out, 'second')['measured']['seeds'] == [0, 1, 2]


def test_without_seeds_the_base_says_which(lists, trained, tmp_path):
    assert start(lists[1:], tmp_path / 'out') == 0
    assert table_of(tmp_path / 'out', 'second')['measured']['seeds'] == [4]


def test_a_failing_row_is_named_and_the_others_go_on(lists, trained, tmp_path, capsys):
    out = tmp_path / 'out'
    assert start(lists[:1], out) == 1
    said = capsys.readouterr().err
    assert 'failed: alpha is below 0 | it cannot be' in said
    assert '1 row(s) have no result' in said
    rows = rows_of(out, 'first')
    assert rows['broken']['status'] == 'failed: alpha is below 0 | it cannot be'
    assert rows['whole']['status'] == rows['alpha = 0']['status'] == 'done'
    text = (out / 'base' / 'first.md').read_text()
    assert '| broken | failed: alpha is below 0 \\| it cannot be | - |' in text
    # It is kept for a table that is only written, and tried again by a start.
    count = len(trained)
    assert start(lists[:1], out, '--table-only') == 0
    assert rows_of(out, 'first')['broken']['status'].startswith('failed')
    lists[0].write_text(FIRST)
    assert start(lists[:1], out, '--only', 'broken') == 1
    assert len(trained) == count


def test_any_exception_is_a_failure_with_its_traceback(lists, trained, monkeypatch):
    def fail(cfg):
        raise ZeroDivisionError('nothing\nto divide')

    monkeypatch.setattr(ablation_runs.LOSORunner, 'from_cfg', fail)
    (trial, *_) = plan_trials(read_table(lists[0]), lists[0].parent / 'out')
    assert run_trial(trial) == 'failed'
    assert trial.failure() == 'ZeroDivisionError: nothing\nto divide'
    assert 'in fail' in json.loads(trial.failure_file.read_text())['traceback']
    assert standing(trial).startswith('failed: ZeroDivisionError')
    monkeypatch.undo()
    write_run(trial.folder, 0.5, trial.seeds)
    monkeypatch.setattr(ablation_runs, 'up_to_date', lambda one: True)
    assert run_trial(trial) == 'skipped'
    assert standing(trial) == 'done'


def test_a_run_that_another_process_holds_is_passed_over(
    lists, trained, tmp_path, capsys
):
    out = tmp_path / 'out'
    trial = plan_trials(read_table(lists[1]), out)[0]
    write_run(trial.folder, 0.5, [7])  # another seed of it is there already
    (trial.folder / 'seed4' / 'folds' / 's0').mkdir(parents=True)
    (trial.folder / 'seed4' / 'folds' / 's0' / 'fold.json').write_text('{}')
    with WorkDirLock(trial.folder) as lock:
        lock.take()
        assert start(lists[1:], out) == 1
        said = capsys.readouterr()
        assert 'another process is training it: passed over for now' in said.out
        assert 'no result: off: in work' in said.err
        assert rows_of(out, 'second')['off']['status'] == 'in work'
        assert not trial.failure_file.exists()
    assert len(trained) == 2
    assert standing(trial) == 'begun'
    assert start(lists[1:], out) == 0
    assert len(trained) == 3


def test_tables_are_written_after_every_row(lists, trained, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    tool = load_tool('ablate.py')
    seen = []

    def run(trial):
        states = [row['status'] for row in table_of(out, 'second')['rows']]
        seen.append(states)
        return run_trial(trial)

    monkeypatch.setattr(tool, 'run_trial', run)
    assert tool.main([str(lists[1]), '--out', str(out)]) == 0
    assert [states.count('done') for states in seen] == [0, 1, 2]


def test_a_dry_run_says_what_changes_and_touches_nothing(
    lists, trained, tmp_path, capsys
):
    out = tmp_path / 'out'
    assert start(lists, out, '--dry-run') == 0
    said = capsys.readouterr().out
    assert 'alpha = 0: not run yet' in said
    assert '    model.alpha: 20.0 -> 0.0\n' in said
    assert '    (the base as it is)\n' in said
    assert not out.exists() and not trained


def test_rows_and_bases_and_options_of_the_command_line(
    lists, trained, tmp_path, capsys
):
    out = tmp_path / 'out'
    other = tmp_path / 'other.py'
    other.write_text(BASE.replace('num=5', 'num=7'))
    more = ['--base', str(other), '--only', 'off', '--strategy', 'stacked']
    assert start(lists, out, *more, '--cfg-options', 'model.alpha=3') == 0
    assert len(trained) == 1
    table = json.loads((out / 'other' / 'second.json').read_text())
    assert table['base'] == 'other.py' and table['options'] == {'model.alpha': '3'}
    assert [row['status'] for row in table['rows']] == ['done', *['not run yet'] * 2]
    (run,) = (out / 'runs' / 'other').iterdir()
    assert run.name.startswith('prompt-None')
    # The row's own option comes after those of all rows.
    (trial, *_) = plan_trials(read_table(lists[0]), out, options={'model.alpha': 3.0})
    assert trial.cfg.model.alpha == 0.0
    assert trial.cfg.resume and trial.cfg.loso.seeds == [4]
    assert start(lists, out, '--only', 'of') == 1
    assert "no row is called 'of'; did you mean 'off'" in capsys.readouterr().err


def test_a_typo_in_any_table_is_found_before_anything_is_trained(
    lists, trained, tmp_path, capsys
):
    lists[1].write_text(SECOND.replace('model.prompt', 'modell.prompt'))
    assert start(lists, tmp_path / 'out') == 1
    said = capsys.readouterr().err
    assert "second.py: row 'off': option 'modell.prompt'" in said
    assert not trained
    assert start(lists[:1], tmp_path / 'out', '--seeds', '1', '1') == 1
    assert 'names a seed twice' in capsys.readouterr().err
    assert not trained


def test_rows_with_bases_of_their_own(lists, trained, tmp_path, capsys):
    out = tmp_path / 'out'
    (tmp_path / 'configs' / 'wide.py').write_text(BASE.replace('num=5', 'num=9'))
    text = SECOND.replace("name='off', options={'model.prompt': None}",
                          "name='wide', base='wide.py', options={}")  # fmt: skip
    lists[1].write_text(text)
    assert start(lists[1:], out) == 0
    wide = rows_of(out, 'second')['wide']
    assert wide['changes'] == ['model.prompt.num: 5 -> 9']
    (run,) = (out / 'runs' / 'wide').iterdir()
    assert run.name.startswith('base-')
    # Another base for all rows would make them the same.
    assert start(lists[1:], out, '--base', str(tmp_path / 'configs' / 'wide.py')) == 1
    said = capsys.readouterr()
    assert 'left out, since its rows have bases of their own' in said.out
    assert 'no table is left to run' in said.err


def test_a_base_without_a_protocol_is_refused(lists, tmp_path):
    (tmp_path / 'configs' / 'base.py').write_text(BASE.replace('runner_type', 'other'))
    with pytest.raises(MERRunError, match=r'base\.py: this config has no runner_type'):
        plan_trials(read_table(lists[0]), tmp_path / 'out')


def test_a_damaged_run_is_not_a_result(lists, trained, tmp_path):
    table = read_table(lists[1])
    trials = plan_trials(table, tmp_path / 'out')
    for trial in trials:
        write_run(trial.folder, 0.8, trial.seeds)
        assert stored(trial) and standing(trial) == 'done'
    (trials[0].folder / 'seed4' / 'results.json').write_text('{"half')
    (trials[1].folder / 'seed4' / 'folds' / 's3' / 'predictions.jsonl').unlink()
    assert [standing(trial) for trial in trials] == ['begun', 'begun', 'done']
    path = write_table(table, trials, tmp_path / 'out')
    assert '| off | begun | - |' in path.read_text()


def test_data_that_are_not_there_fail_the_row(lists, tmp_path, monkeypatch):
    (trial, *_) = plan_trials(read_table(lists[0]), tmp_path / 'out')
    assert not up_to_date(trial)  # nothing of it is there: the data are not looked at

    def missing(cfg):
        raise MERDataError('data/annotations.json: not there')

    monkeypatch.setattr(ablation_runs, 'make_plan', missing)
    os.makedirs(trial.folder / 'seed4')
    assert run_trial(trial) == 'failed'
    assert trial.failure() == 'data/annotations.json: not there'
