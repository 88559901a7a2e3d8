"""``tools/ablate.py``: shared rows, resuming, failures, and the options."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from ablation_toy import edit, write_run
from load_tool import load_tool
from runs import write_config

from mmaction_mer.ablation import command, plan_table, read_finished, read_table, runs
from mmaction_mer.datasets import read_annotation, write_annotation
from mmaction_mer.engine.work_dir.lock import WorkDirLock
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture
def trained(monkeypatch):
    """Runs are synthetic, and nothing is drawn.

    Returns:
        Folder and seeds of the runs that were 'trained'.
    """
    done = []

    class Fake:
        def __init__(self, cfg):
            self.cfg = cfg

        from_cfg = classmethod(lambda cls, cfg: cls(cfg))

        def train(self):
            cfg = self.cfg
            with WorkDirLock(Path(cfg.work_dir)) as lock:
                lock.take()
                if cfg.model.alpha < 0:
                    raise MERRunError('alpha is below 0 | it cannot be')
                done.append((Path(cfg.work_dir).name, cfg.loso.seeds))
                share = 0.9 if cfg.model.alpha else 0.6
                write_run(cfg.work_dir, share, cfg.loso.seeds)

    monkeypatch.setattr(command, 'save_figure', lambda *args: None)
    monkeypatch.setattr(runs, 'LOSORunner', Fake)
    monkeypatch.setattr(runs, 'is_up_to_date', lambda one: bool(read_finished(one)))
    return done


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


def ablate(tables, out, *more):
    return load_tool('ablate.py').main([*map(str, tables), '--out', str(out), *more])


def read(out, name, base='base'):
    table = json.loads((out / base / f'{name}.json').read_text())
    return table, {row['name']: row for row in table['rows']}


def test_rows_with_one_config_are_trained_once(tables, trained, out, capsys):
    edit(tables[0], '-1.0', '5.0')
    assert ablate(tables, out, '--seeds', '0', '1') == 0
    assert len(trained) == 4  # of six rows
    assert {tuple(seeds) for _, seeds in trained} == {(0, 1)}
    first, second = read(out, 'first')[1], read(out, 'second')[1]
    assert first['whole']['acc'] == second['on']['acc']
    assert first['alpha = 0']['acc'] == second['no gain']['acc']
    printed = capsys.readouterr().out
    assert 'row 1 of 4: alpha = 0 (first)\n' in printed
    assert 'row 4 of 4: off (second), about ' in printed


def test_finished_rows_are_skipped_and_seeds_can_be_added(tables, trained, out, capsys):
    second = tables[1:]
    assert ablate(second, out, '--seeds', '0', '1') == 0
    assert len(trained) == 3
    assert ablate(second, out, '--seeds', '1', '0') == 0
    assert len(trained) == 3
    assert capsys.readouterr().out.count('already done') == 3
    # A single seed is read from the same folders.
    assert ablate(second, out, '--seeds', '1') == 0
    assert len(trained) == 3
    assert read(out, 'second')[0]['measured']['seeds'] == [1]
    assert ablate(second, out, '--seeds', '0', '1', '2', '--only', 'off') == 0
    assert len(trained) == 4
    assert read(out, 'second')[0]['measured']['seeds'] == [0, 1, 2]


def test_a_failing_row_is_named_and_the_others_go_on(tables, trained, out, capsys):
    first = tables[:1]
    assert ablate(first, out) == 1
    printed = capsys.readouterr().err
    assert 'failed: alpha is below 0 | it cannot be' in printed
    assert '1 row(s) have no result' in printed
    rows = read(out, 'first')[1]
    assert rows['broken']['status'] == 'failed: alpha is below 0 | it cannot be'
    assert rows['whole']['status'] == rows['alpha = 0']['status'] == 'done'
    # It stays in a table that is only written, and is tried again by a start.
    count = len(trained)
    assert ablate(first, out, '--table-only') == 0
    assert read(out, 'first')[1]['broken']['status'].startswith('failed')
    assert ablate(first, out, '--only', 'broken') == 1
    assert len(trained) == count


def test_a_run_that_another_process_trains_is_left_to_it(tables, trained, out, capsys):
    second = tables[1:]
    trial = plan_table(read_table(tables[1]), out).trials[0]
    fold = trial.folder / 'seed4' / 'folds' / 's0'
    fold.mkdir(parents=True)
    (fold / 'fold.json').write_text('{}')
    with WorkDirLock(trial.folder) as lock:
        lock.take()
        assert ablate(second, out) == 1
        printed = capsys.readouterr()
        assert 'another process is training it' in printed.out
        assert 'no result: off (second): running' in printed.err
        assert read(out, 'second')[1]['off']['status'] == 'running'
        assert not trial.failure_file.exists()
    assert len(trained) == 2
    assert ablate(second, out) == 0
    assert len(trained) == 3


def test_tables_are_written_after_every_row(tables, trained, out, monkeypatch):
    seen = []

    def run_trial(trial):
        rows = read(out, 'second')[1].values()
        seen.append([row['status'] for row in rows].count('done'))
        return runs.run_trial(trial)

    monkeypatch.setattr(command, 'run_trial', run_trial)
    assert ablate(tables[1:], out) == 0
    assert seen == [0, 1, 2]


def test_a_dry_run_prints_the_changes_and_writes_nothing(tables, trained, out, capsys):
    assert ablate(tables, out, '--dry-run') == 0
    printed = capsys.readouterr().out
    assert 'alpha = 0: not started' in printed
    assert '    model.alpha: 20.0 -> 0.0\n' in printed
    assert '    (the base config)\n' in printed
    assert not out.exists() and not trained


def test_single_rows_on_another_base_with_options(tables, trained, out, capsys):
    other = out.parent / 'other.py'
    other.write_text((out.parent / 'configs' / 'base.py').read_text())
    more = ['--base', str(other), '--only', 'off', 'on', '--strategy', 'stacked']
    assert ablate(tables, out, *more, '--cfg-options', 'model.alpha=3') == 0
    assert len(trained) == 2
    table, rows = read(out, 'second', 'other')
    assert table['base'] == 'other.py' and table['options'] == ['model.alpha=3']
    assert [row['status'] for row in rows.values()] == ['done', 'done', 'not started']
    assert ablate(tables, out, '--only', 'of') == 1
    assert "no row is named 'of': did you mean 'off'" in capsys.readouterr().err


def test_rows_with_bases_of_their_own_take_no_other(tables, out, capsys):
    edit(tables[1], "'on', ", "'on', base='base.py', ")
    base = out.parent / 'configs' / 'base.py'
    assert ablate(tables[1:], out, '--base', str(base)) == 1
    printed = capsys.readouterr()
    assert 'skipped, since its rows have base configs of their own' in printed.out
    assert 'no table is left to run' in printed.err


@pytest.mark.parametrize(
    ('more', 'words'),
    [
        (['--seeds', '1', '1'], 'different integers'),
        (['--cfg-options', 'model.type.x=1'], 'model.type.x'),
        (['TABLE'], "several tables are named 'second'"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    more, words, tables, trained, out, capsys
):
    more = [str(tables[1]) if part == 'TABLE' else part for part in more]
    assert load_tool('ablate.py').main([str(tables[1]), *more, '--out', str(out)]) == 1
    assert words in capsys.readouterr().err
    assert not trained and not out.exists()


def test_real_runs(toy_data, tmp_path):
    """Trained, read, skipped, and not taken for runs on an annotation of today."""
    data = tmp_path / 'data'
    data.mkdir()
    (data / 'frames').symlink_to(toy_data / 'frames')
    annotation = shutil.copy(toy_data / 'annotations.json', data)
    folder = tmp_path / 'ablations'
    folder.mkdir()
    edit(write_config(tmp_path, data), "'loso')", "dict(type='group-kfold', k=2))")
    (folder / 'two.py').write_text(
        "title = 'Two rows'\nbase = 'toy_config.py'\n"
        "rows = [dict(name='wide', options={}),\n"
        "dict(name='narrow', options={'model.width': 4})]\n"
    )
    out = tmp_path / 'out'
    options = ['--seeds', '0', '1', '--cfg-options', 'train_cfg.max_iters=2']
    start = partial(ablate, [folder / 'two.py'], out, *options)

    assert start() == 0
    table, rows = read(out, 'two', 'toy_config')
    found = table['measured']
    assert (found['datasets'], found['clips'], found['subjects']) == (['toy'], 16, 4)
    assert found['seeds'] == [0, 1] and found['folds'] == {'done': 2, 'of': 2}
    assert rows['wide']['trainable'] > rows['narrow']['trainable'] > 0
    assert rows['wide']['training_s'] > 0
    assert rows['narrow']['vs_reference']['acc']['interval']

    for suffix in ('md', 'tex', 'png'):
        assert (out / 'toy_config' / f'two.{suffix}').stat().st_size > 300

    def times():
        files = (out / 'runs').rglob('*.json*')
        return {path: path.stat().st_mtime_ns for path in files}

    before = times()
    assert len([path for path in before if path.name == 'predictions.jsonl']) == 8
    assert start() == 0
    assert times() == before

    content = read_annotation(annotation)
    content['data_list'][0]['onset'] += 1
    write_annotation(annotation, content)
    assert start('--only', 'narrow') == 1
    _, rows = read(out, 'two', 'toy_config')
    assert rows['wide']['status'] == 'done'
    assert 'contains folds of another config' in rows['narrow']['status']
