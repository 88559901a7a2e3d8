"""What is read from work directories, and which of them are refused."""

import json
import shutil

import pytest

from mmaction_mer.engine.work_dir.fold_folder import resume_command
from mmaction_mer.engine.work_dir.stored_runs import read_results, read_run, read_runs
from mmaction_mer.evaluation.predictions import write_predictions
from mmaction_mer.utils.errors import MERDataError, MERRunError

CLASSES = ['negative', 'positive', 'surprise']


def write_fold(work_dir, name, state=None, clips=2):
    folder = work_dir / 'folds' / name
    rows = [
        {
            'dataset': 'toy', 'subject': name, 'clip': f'c{number}', 'label': 0,
            'prediction': number % 3, 'probabilities': [0.5, 0.25, 0.25],
        }
        for number in range(clips)
    ]  # fmt: skip
    write_predictions(folder / 'predictions.jsonl', rows)
    if state is not None:
        facts = {'status': 'done', 'selection': 'last', 'seed': 0, 'fingerprint': 'f'}
        (folder / 'fold.json').write_text(json.dumps({**facts, **state}))


@pytest.fixture
def run(tmp_path):
    """A run of seed 4: three folds planned, two done, one begun."""
    work_dir = tmp_path / 'run'
    write_fold(work_dir, 's1', {'seed': 4})
    write_fold(work_dir, 's2', {'seed': 4})
    write_fold(work_dir, 's3', {'seed': 4, 'status': 'running'})
    plan = {'classes': CLASSES, 'config': {'a': 1}}
    plan['folds'] = {name: [name] for name in ('s1', 's2', 's3', 's4')}
    (work_dir / 'loso.json').write_text(json.dumps(plan))
    return work_dir


def seeds_of(tmp_path, *seeds, **changes):
    for seed in seeds:
        work_dir = tmp_path / f'seed{seed}'
        write_fold(work_dir, 's1', {'seed': seed, **changes})
        (work_dir / 'loso.json').write_text(json.dumps({'classes': CLASSES}))
    return tmp_path


def test_a_run_of_one_seed(run):
    (seed, found), *others = read_runs(run).items()
    assert (seed, others) == (4, [])
    assert list(found.folds) == ['s1', 's2']
    assert [line['subject'] for line in found.lines] == ['s1', 's1', 's2', 's2']
    assert found.missing == ['s3', 's4']
    assert (found.selection, found.classes) == ('last', CLASSES)
    assert found.config == {'a': 1}


def test_a_run_of_several_seeds(tmp_path):
    seeds_of(tmp_path, 10, 2, 0)
    (tmp_path / 'seed_notes').mkdir()
    (tmp_path / 'seed7').write_text('a file')
    found = read_runs(tmp_path)
    assert list(found) == [0, 2, 10]
    assert all(run.seed == seed for seed, run in found.items())


def test_a_folder_of_predictions_that_no_runner_wrote(tmp_path):
    write_fold(tmp_path, 's1')
    with pytest.raises(MERRunError, match='neither loso.json.*score.py'):
        read_run(tmp_path)
    pooled = {'classes': CLASSES, 'selection': 'last', 'seeds': [3]}
    (tmp_path / 'results.json').write_text(json.dumps(pooled))
    found = read_run(tmp_path)
    assert (found.seed, found.config, found.missing) == (3, {}, [])


@pytest.mark.parametrize('seeds', [None, []])
def test_without_a_seed_it_is_zero(tmp_path, seeds):
    write_fold(tmp_path, 's1')
    pooled = {'classes': CLASSES, 'selection': 'last', 'seeds': seeds}
    (tmp_path / 'results.json').write_text(json.dumps(pooled))
    assert read_run(tmp_path).seed == 0


def test_nothing_there(tmp_path):
    for path in (tmp_path, tmp_path / 'nowhere'):
        with pytest.raises(MERRunError, match='no finished fold here'):
            read_runs(path)
    assert read_results(tmp_path) == read_results(tmp_path / 'no' / 'where') == {}


def test_folds_that_are_not_of_one_run(run):
    write_fold(run, 's4', {'seed': 4, 'fingerprint': 'another'})
    with pytest.raises(MERRunError, match='their fingerprint in fold.json differs'):
        read_runs(run)


def test_folds_beside_seeds(tmp_path):
    seeds_of(tmp_path, 0, 1)
    write_fold(tmp_path, 's1', {})
    with pytest.raises(MERRunError, match=r'folds of its own.*seed0'):
        read_runs(tmp_path)


def test_seeds_that_are_not_of_one_run(tmp_path):
    seeds_of(tmp_path, 0)
    seeds_of(tmp_path, 1, selection='test')
    with pytest.raises(MERRunError, match="seed1: its selection is 'test'"):
        read_runs(tmp_path)


def test_a_folder_of_another_seed_than_its_name(tmp_path):
    seeds_of(tmp_path, 0, 1)
    (tmp_path / 'seed1').rename(tmp_path / 'seed5')
    with pytest.raises(MERRunError, match='seed5: its folds were trained with seed 1'):
        read_runs(tmp_path)


def test_folders_beside_the_seeds_are_no_seeds(tmp_path):
    seeds_of(tmp_path, 0, 10, 9)
    (tmp_path / '.lock').touch()
    (tmp_path / 'seed0' / 'config.py').touch()
    shutil.copytree(tmp_path / 'seed9', tmp_path / 'seed9.bak')
    command = resume_command(tmp_path / 'seed0')
    assert command.endswith(f'--work-dir {tmp_path} --seeds 0 9 10 --resume')


def test_a_key_that_is_there_twice_is_refused(run):
    path = run / 'folds' / 's2' / 'predictions.jsonl'
    whole = path.read_text()
    path.write_text(whole.replace('"label": 0', '"label": 1, "label": 0', 1))
    with pytest.raises(MERDataError, match="line 1 .*'label' twice"):
        read_runs(run)
    path.write_text(whole)
    state = run / 'folds' / 's2' / 'fold.json'
    state.write_text(state.read_text().replace('{', '{"status": "running", ', 1))
    with pytest.raises(MERRunError, match="fold.json.*'status' twice"):
        read_runs(run)


def test_broken_files_are_named(run):
    (run / 'results.json').write_text('[1]')
    with pytest.raises(MERRunError, match=r'results.json: holds a list.*--resume'):
        read_runs(run)
    (run / 'results.json').unlink()
    path = run / 'folds' / 's2' / 'predictions.jsonl'
    path.write_text(path.read_text()[:-20])
    with pytest.raises(MERDataError, match='s2/predictions.jsonl: line 2 is not JSON'):
        read_runs(run)
