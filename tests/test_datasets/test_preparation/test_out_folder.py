"""The guards of a prepared folder; what they guard is shown in test_prepare.py."""

import json
import os

import pytest

from mmaction_mer.datasets.preparation.out_folder import out_folder
from mmaction_mer.utils.errors import MERDataError


def test_a_new_folder_is_made_and_taken_again(tmp_path):
    for _ in range(2):
        with out_folder(tmp_path / 'a' / 'b', 'X') as folder:
            assert folder.frames == tmp_path / 'a' / 'b' / 'frames'
    owner = json.loads((tmp_path / 'a' / 'b' / '.prepare' / 'release.json').read_text())
    assert owner == {'release': 'X'}
    with pytest.raises(MERDataError, match='holds X, not Y'):
        with out_folder(tmp_path / 'a' / 'b', 'Y'):
            pass
    for odd, words in ((10, '10'), (None, 'something that cannot be read')):
        (tmp_path / 'a' / 'b' / '.prepare' / 'release.json').write_text(
            json.dumps({'release': odd})
        )
        with pytest.raises(MERDataError, match=f'holds {words}, not X'):
            with out_folder(tmp_path / 'a' / 'b', 'X'):
                pass


def test_one_at_a_time(tmp_path):
    with out_folder(tmp_path, 'X'):
        with pytest.raises(MERDataError, match='another run is at work'):
            with out_folder(tmp_path, 'X'):
                pass
    with out_folder(tmp_path, 'X'):
        pass


def test_only_annotations_of_its_own_are_removed(tmp_path):
    with out_folder(tmp_path, 'X') as folder:
        folder.begin_annotations(['annotations.json', 'annotations_3class.json'])
        for name in (
            'annotations.json',
            'annotations_3class.json',
            'annotations_me.json',
        ):
            (tmp_path / name).touch()
        folder.begin_annotations(['annotations.json'])
        assert not (tmp_path / 'annotations_3class.json').exists()
        folder.remove_annotations()
    assert [path.name for path in tmp_path.glob('*.json')] == ['annotations_me.json']


def test_only_clips_with_a_receipt_are_removed(tmp_path):
    with out_folder(tmp_path, 'X') as folder:
        for subject, clip in (('a', 'x'), ('a', 'y'), ('b', 'mine')):
            (folder.frames / subject / clip).mkdir(parents=True)
            if clip != 'mine':
                receipt = folder.receipt(subject, clip)
                receipt.parent.mkdir(parents=True, exist_ok=True)
                receipt.write_text('{}')
        folder.remove_clips(but={('a', 'y')})
        assert not (folder.frames / 'a' / 'x').exists()
        assert not folder.receipt('a', 'x').exists()
        assert (folder.frames / 'a' / 'y').exists()
        assert (folder.frames / 'b' / 'mine').exists()


@pytest.mark.parametrize('text', ['', '[]', '{}', 'null'])
def test_a_note_that_cannot_be_read_is_somebody_elses(tmp_path, text):
    (tmp_path / '.prepare').mkdir()
    (tmp_path / '.prepare' / 'release.json').write_text(text)
    with pytest.raises(MERDataError, match='something that cannot be read'):
        with out_folder(tmp_path, 'X'):
            pass


def test_nothing_else_is_removed_by_a_folder_that_names_it(tmp_path):
    out, other = tmp_path / 'out', tmp_path / 'annotations.json'
    other.touch()
    with out_folder(out, 'X'):
        pass
    mine = out / 'notes.txt'
    mine.touch()
    names = ['../annotations.json', str(other), 'notes.txt', 7, ['a']]
    owner = {'release': 'X', 'annotations': names}
    (out / '.prepare' / 'release.json').write_text(json.dumps(owner))
    with out_folder(out, 'X') as folder:
        folder.remove_annotations()
    assert other.exists() and mine.exists()


@pytest.mark.parametrize('name', ['lock', 'release.json'])
def test_pipes_are_not_waited_for(tmp_path, name):
    (tmp_path / '.prepare').mkdir()
    os.mkfifo(tmp_path / '.prepare' / name)
    with pytest.raises(MERDataError, match=str(tmp_path)):
        with out_folder(tmp_path, 'X'):
            pass
