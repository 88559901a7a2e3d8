"""What is read from work directories, and which of them are rejected."""

import json
import shutil

import pytest

from mmaction_mer.engine.work_dir.layout import resume_command
from mmaction_mer.engine.work_dir.work_dir import WorkDir, finished_folds
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
    """A run of seed 4: four folds planned, two done, one begun."""
    work_dir = tmp_path / 'run'
    write_fold(work_dir, 's1', {'seed': 4})
    write_fold(work_dir, 's2', {'seed': 4})
    write_fold(work_dir, 's3', {'seed': 4, 'status': 'running'})
    plan = {'classes': CLASSES, 'config': {'a': 1}}
    plan['folds'] = {name: [name] for name in ('s1', 's2', 's3', 's4')}
    (work_dir / 'loso.json').write_text(json.dumps(plan))
    return work_dir


def write_seeds(tmp_path, *seeds, **changes):
    for seed in seeds:
        work_dir = tmp_path / f'seed{seed}'
        write_fold(work_dir, 's1', {'seed': seed, **changes})
        (work_dir / 'loso.json').write_text(json.dumps({'classes': CLASSES}))
    return tmp_path


def rejected(path):
    with pytest.raises(MERRunError) as error:
        WorkDir(path).runs()
    return error.value


def test_a_run_of_one_seed(run):
    (seed, found), *others = WorkDir(run).runs().items()
    assert (seed, others) == (4, [])
    assert list(found.folds) == ['s1', 's2']
    assert [line['subject'] for line in found.lines] == ['s1', 's1', 's2', 's2']
    assert found.missing == ['s3', 's4']
    assert (found.selection, found.classes) == ('last', CLASSES)
    assert found.config == {'a': 1}


def test_a_run_of_several_seeds(tmp_path):
    write_seeds(tmp_path, 10, 2, 0)
    (tmp_path / 'seed_notes').mkdir()
    (tmp_path / 'seed7').write_text('a file')
    found = WorkDir(tmp_path).runs()
    assert list(found) == [0, 2, 10]
    assert all(run.seed == seed for seed, run in found.items())
    assert list(WorkDir(tmp_path).runs([10, 0])) == [0, 10]


@pytest.mark.parametrize(('seeds', 'seed'), [([3], 3), (None, 0), ([], 0)])
def test_predictions_without_a_run(tmp_path, seeds, seed):
    write_fold(tmp_path, 's1')
    assert 'score.py' in rejected(tmp_path).hint
    pooled = {'classes': CLASSES, 'selection': 'last', 'seeds': seeds}
    (tmp_path / 'results.json').write_text(json.dumps(pooled))
    found = WorkDir(tmp_path).run()
    assert (found.seed, found.config, found.missing) == (seed, {}, [])


def test_nothing_there(tmp_path):
    for path in (tmp_path, tmp_path / 'nowhere'):
        assert rejected(path).path == str(path)
    for path in (tmp_path, tmp_path / 'no' / 'where'):
        assert WorkDir(path).results() == WorkDir(path).plan == {}


def test_paths_to_finished_folds(run):
    for source in ('folds/s1', 'folds/s1/model.pth'):
        (run / 'folds/s1/model.pth').touch()
        work_dir, (fold,) = finished_folds(run / source)
        assert (work_dir.path, fold.name) == (run, 's1')
    assert [fold.name for fold in finished_folds(run)[1]] == ['s1', 's2']
    for source in ('folds/s1/last.pth', 'folds/s3', 'folds'):
        with pytest.raises(MERRunError) as error:
            finished_folds(run / source)
        assert error.value.path == str(run / source)


def test_folds_of_different_runs(run):
    write_fold(run, 's4', {'seed': 4, 'fingerprint': 'another'})
    assert rejected(run).field == 'fingerprint'


def test_folds_beside_seeds(tmp_path):
    write_seeds(tmp_path, 0, 1)
    write_fold(tmp_path, 's1', {})
    assert 'seed0' in rejected(tmp_path).hint


def test_seeds_of_different_runs(tmp_path):
    write_seeds(tmp_path, 0)
    write_seeds(tmp_path, 1, selection='test')
    error = rejected(tmp_path)
    assert (error.path, error.field) == (str(tmp_path / 'seed1'), 'selection')


def test_a_folder_with_the_name_of_another_seed(tmp_path):
    write_seeds(tmp_path, 0, 1)
    (tmp_path / 'seed1').rename(tmp_path / 'seed5')
    assert rejected(tmp_path).path == str(tmp_path / 'seed5')


def test_folders_beside_the_seeds_are_not_seeds(tmp_path):
    write_seeds(tmp_path, 0, 10, 9)
    (tmp_path / '.lock').touch()
    (tmp_path / 'seed0' / 'config.py').touch()
    shutil.copytree(tmp_path / 'seed9', tmp_path / 'seed9.bak')
    command = resume_command(tmp_path / 'seed0')
    assert command.endswith(f'--work-dir {tmp_path} --seeds 0 9 10 --resume')


def test_a_repeated_key_is_rejected(run):
    path = run / 'folds' / 's2' / 'predictions.jsonl'
    whole = path.read_text()
    path.write_text(whole.replace('"label": 0', '"label": 1, "label": 0', 1))
    with pytest.raises(MERDataError, match="line 1 .*duplicate key 'label'"):
        WorkDir(run).runs()
    path.write_text(whole)
    state = run / 'folds' / 's2' / 'fold.json'
    state.write_text(state.read_text().replace('{', '{"status": "running", ', 1))
    assert rejected(run).path == str(state)


@pytest.mark.parametrize('file', ['results.json', 'loso.json', 'folds/s1/fold.json'])
def test_a_file_without_an_object_is_named(run, file):
    (run / file).write_text('[1]')
    error = rejected(run)
    assert error.path == str(run / file) and error.hint


def test_truncated_predictions_are_named(run):
    path = run / 'folds' / 's2' / 'predictions.jsonl'
    path.write_text(path.read_text()[:-20])
    with pytest.raises(MERDataError, match='line 2 is not JSON') as error:
        WorkDir(run).runs()
    assert error.value.path == str(path)
