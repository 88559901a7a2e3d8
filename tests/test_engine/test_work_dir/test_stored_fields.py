"""Files of a run that say what no run has written, or that have no end."""

import json
import os
import tracemalloc

import pytest

from mmaction_mer.engine.work_dir.fold_folder import FoldFolder, check_fold_place
from mmaction_mer.engine.work_dir.stored_plan import stored_run, write_plan
from mmaction_mer.engine.work_dir.stored_runs import read_results
from mmaction_mer.evaluation.predictions import compare_with_clips, read_predictions
from mmaction_mer.utils.errors import MERDataError, MERRunError
from mmaction_mer.utils.hashing import file_digest

WRONG = {
    'fold.json': {
        'wall_time_s': ['x', [1], 1e308, -1, None],
        'clips_trained': [{'a': 1}, 1e308, True],
        'parameters': [[1], 5, {}],
        'seed': [{'a': 1}, 1e308, 2**32],
        'held_out': [1e308, 's1', [1]],
        'digests': [{'model.pth': 5}],
        'status': [[1], 'over'],
    },
    'loso.json': {
        'classes': [1e308, ['one'], [1, 2]],
        'folds': [5, ['s1'], {'../s1': ['s1']}, {'s1': 5}],
        'config': [1e308, {'randomness': 5}, {'loso': {'select': []}}],
        'load_from': [[1], 'x' * 10**6],
        'clips': [5, {'tested': [[1]], 'others': [], 'metainfo': ''}, {}],
    },
    'results.json': {
        'selection': [[1], 5, 'best'],
        'seeds': [{'0': 1}, [[0]]],
        'classes': [None, 1e308],
        'folds': [{'a': 1}, 'x', [5]],
        'extra': [5, None, {'wall_time_s': 'x'}, {'folds': {}}],
    },
}


def read(path):
    if path.name == 'fold.json':
        return FoldFolder(path.parent).state()
    return (stored_run if path.name == 'loso.json' else read_results)(path.parent)


@pytest.mark.parametrize('file', WRONG)
def test_wrong_fields_are_refused_by_name(tmp_path, file):
    path = tmp_path / file
    for field, values in WRONG[file].items():
        for value in values:
            if file == 'loso.json':
                write_plan(tmp_path, {field: value})  # sealed as by a run
            else:
                path.write_text(json.dumps({field: value}))
            with pytest.raises(MERRunError) as error:
                read(path)
            said = str(error.value)
            assert str(path) in said and repr(field) in said, (field, value)
            assert len(said) < 3000
            path.unlink()


@pytest.mark.parametrize('file', WRONG)
def test_links_in_a_circle_are_refused(tmp_path, file):
    (tmp_path / file).symlink_to(file)
    with pytest.raises(MERRunError, match=file):
        read(tmp_path / file)


def test_files_without_an_end_are_not_read(tmp_path):
    path = tmp_path / 'predictions.jsonl'
    with path.open('wb') as file:
        file.truncate(40 << 30)
    with pytest.raises(MERRunError, match='predictions'):
        file_digest(path)
    tracemalloc.start()
    try:
        with pytest.raises(MERDataError, match='predictions'):
            read_predictions(path)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_a_fold_elsewhere_is_refused(tmp_path):
    folds = tmp_path / 'run' / 'folds'
    (tmp_path / 'other').mkdir()
    folds.mkdir(parents=True)
    (folds / 'out').symlink_to(tmp_path / 'other')
    (folds / 'loop').symlink_to('loop')
    (folds / 'file').write_text('')
    for name in ('out', 'loop', 'file'):
        with pytest.raises(MERRunError, match=name):
            check_fold_place(FoldFolder(folds / name))
    (folds / 's1').mkdir()
    (tmp_path / 'linked').symlink_to(folds.parent)  # a whole run may lie elsewhere
    for fold in (folds / 's1', folds / 's2', tmp_path / 'linked' / 'folds' / 's1'):
        check_fold_place(FoldFolder(fold))
    assert not os.listdir(tmp_path / 'other')


def test_names_of_files_do_not_reach_the_terminal_as_they_are():
    line = {'dataset': 'toy', 'subject': 'x' * 10**6, 'clip': '\x1b[31m', 'label': 0}
    for problem in compare_with_clips([line], {}):
        assert len(problem) < 1000 and problem.isprintable()
