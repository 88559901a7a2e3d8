"""Runs behind rows: what counts as finished, and what becomes of a failure."""

import json

import pytest
from ablation_toy import write_run

from mmaction_mer.ablation import plan_table, read_row, read_table, run_trial, runs
from mmaction_mer.engine.work_dir.lock import WorkDirLock
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture
def trial(tables, tmp_path):
    """A row whose run is not started; its seed is 4."""
    return plan_table(read_table(tables[1]), tmp_path / 'out').trials[0]


def test_the_status_of_a_row(trial):
    assert read_row(trial).status == 'not started'
    fold = trial.folder / 'seed4' / 'folds' / 's0'
    fold.mkdir(parents=True)
    (fold / 'fold.json').write_text('{}')
    with WorkDirLock(trial.folder) as lock:
        lock.take()
        assert read_row(trial).status == 'running'
    assert read_row(trial).status == 'unfinished'


@pytest.mark.parametrize('damage', ['results', 'predictions', 'missing'])
def test_a_run_that_is_not_whole_has_no_numbers(damage, trial):
    write_run(trial.folder, 0.8, trial.seeds)
    row = read_row(trial)
    assert row.status == 'done' and row.summary['seeds'] == [4]
    work_dir = trial.folder / 'seed4'
    results = work_dir / 'results.json'
    if damage == 'results':
        results.write_text('{"half')
    elif damage == 'predictions':
        (work_dir / 'folds' / 's3' / 'predictions.jsonl').unlink()
    else:
        missing = [{'fold': 's2', 'clips': 3, 'reason': 'diverged at iteration 6'}]
        content = json.loads(results.read_text())
        results.write_text(json.dumps({**content, 'missing': missing}))
    row = read_row(trial)
    assert row.status == 'unfinished' and row.summary is row.lines is None


@pytest.mark.parametrize(
    ('error', 'reason', 'trace'),
    [
        (ZeroDivisionError('no\nway'), 'ZeroDivisionError: no\nway', 'in fail'),
        (MERDataError('is not there', path='a.json'), 'a.json: is not there', ''),
    ],
)
def test_a_failure_is_kept_until_the_row_succeeds(
    error, reason, trace, trial, monkeypatch
):
    def fail(cfg):
        raise error

    write_run(trial.folder, 0.5, trial.seeds)
    with monkeypatch.context() as patch:
        patch.setattr(runs, 'make_plan', fail)
        assert run_trial(trial) == 'failed'
    assert read_row(trial).status == f'failed: {reason}'
    content = json.loads(trial.failure_file.read_text())
    assert trace in content['traceback'] and bool(trace) == bool(content['traceback'])
    monkeypatch.setattr(runs, 'is_up_to_date', lambda one: True)
    assert run_trial(trial) == 'skipped'
    assert read_row(trial).status == 'done'
