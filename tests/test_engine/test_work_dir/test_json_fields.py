"""Files of a run with content that no run has written, or without an end."""

import json
import os
import tracemalloc

import pytest

from mmaction_mer.engine.work_dir.fold_folder import FoldFolder, check_fold_place
from mmaction_mer.engine.work_dir.plan_file import read_plan, write_plan
from mmaction_mer.engine.work_dir.work_dir import WorkDir
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
        'digests': [{'model.pth': 5}, [1]],
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
    folder = path.parent
    return read_plan(folder) if path.name == 'loso.json' else WorkDir(folder).results()


@pytest.mark.parametrize('file', WRONG)
def test_wrong_fields_are_named(tmp_path, file):
    path = tmp_path / file
    for field, values in WRONG[file].items():
        for value in values:
            if file == 'loso.json':
                write_plan(tmp_path, {field: value})  # with its digest
            else:
                path.write_text(json.dumps({field: value}))
            with pytest.raises(MERRunError) as error:
                read(path)
            found = error.value.path, error.value.field
            assert found == (str(path), field), (field, value)
            assert error.value.hint and len(str(error.value)) < 3000
            path.unlink()


@pytest.mark.parametrize('file', WRONG)
def test_links_in_a_circle_are_rejected(tmp_path, file):
    (tmp_path / file).symlink_to(file)
    with pytest.raises(MERRunError) as error:
        read(tmp_path / file)
    assert error.value.path == str(tmp_path / file)


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


def test_a_fold_elsewhere_is_rejected(tmp_path):
    folds = tmp_path / 'run' / 'folds'
    (tmp_path / 'other').mkdir()
    folds.mkdir(parents=True)
    (folds / 'out').symlink_to(tmp_path / 'other')
    (folds / 'loop').symlink_to('loop')
    (folds / 'file').write_text('')
    for name in ('out', 'loop', 'file'):
        with pytest.raises(MERRunError) as error:
            check_fold_place(FoldFolder(folds / name))
        assert error.value.path == str(folds / name)
    (folds / 's1').mkdir()
    (tmp_path / 'linked').symlink_to(folds.parent)  # the whole run may be elsewhere
    for fold in (folds / 's1', folds / 's2', tmp_path / 'linked' / 'folds' / 's1'):
        check_fold_place(FoldFolder(fold))
    assert not os.listdir(tmp_path / 'other')


def test_names_of_files_do_not_reach_the_terminal_as_they_are():
    line = {'dataset': 'toy', 'subject': 'x' * 10**6, 'clip': '\x1b[31m', 'label': 0}
    for problem in compare_with_clips([line], {}):
        assert len(problem) < 1000 and problem.isprintable()
