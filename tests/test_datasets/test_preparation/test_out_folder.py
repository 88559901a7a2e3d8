"""The checks of a prepared folder; what they protect is shown in test_prepare.py."""

import json
import os

import pytest

from mmaction_mer.datasets.preparation.out_folder import out_folder
from mmaction_mer.utils.errors import MERDataError


def test_a_folder_belongs_to_one_release(tmp_path):
    path = tmp_path / 'a' / 'b'
    owner = path / '.prepare' / 'release.json'
    for _ in range(2):
        with out_folder(path, 'X') as folder:
            assert folder.published.frames == path / 'frames'
    assert json.loads(owner.read_text()) == {'release': 'X'}
    for content, words in (
        ('{"release": "Y"}', 'Y'),
        ('{"release": 10}', '10'),
        *(
            (text, 'something')
            for text in ('', '[]', '{}', 'null', '{"release": null}')
        ),
    ):
        owner.write_text(content)
        with pytest.raises(MERDataError, match=f'contains {words}') as error:
            with out_folder(path, 'X'):
                pass
        assert error.value.path == str(path)


def test_one_run_at_a_time(tmp_path):
    for _ in range(2):
        with out_folder(tmp_path, 'X'):
            with pytest.raises(MERDataError, match='another run'):
                with out_folder(tmp_path, 'X'):
                    pass


def test_only_recorded_annotations_are_removed(tmp_path):
    """Whatever names the record contains."""
    out, other = tmp_path / 'out', tmp_path / 'annotations.json'
    with out_folder(out, 'X') as folder:
        folder.record_annotations(['annotations.json', 'annotations_3class.json'])
        for path in (other, out / 'notes.txt'):
            path.touch()
        for name in ('annotations', 'annotations_3class', 'annotations_me'):
            (out / f'{name}.json').touch()
        folder.remove_annotations()
        names = ['../annotations.json', str(other), 'notes.txt', 7, ['a']]
        owner = {'release': 'X', 'annotations': names}
        (out / '.prepare' / 'release.json').write_text(json.dumps(owner))
        folder.remove_annotations()
    assert [path.name for path in out.glob('*.json')] == ['annotations_me.json']
    assert other.exists() and (out / 'notes.txt').exists()


def test_only_clips_with_a_receipt_are_removed(tmp_path):
    with out_folder(tmp_path, 'X') as folder:
        clips = folder.published
        for subject, clip in (('a', 'x'), ('a', 'y'), ('b', 'mine')):
            clips.clip(subject, clip).mkdir(parents=True)
            if clip != 'mine':
                receipt = clips.receipt(subject, clip)
                receipt.parent.mkdir(parents=True, exist_ok=True)
                receipt.write_text('{}')
        folder.remove_clips(keep={('a', 'y')})
        assert not clips.clip('a', 'x').exists()
        assert not clips.receipt('a', 'x').exists()
        assert clips.clip('a', 'y').exists() and clips.clip('b', 'mine').exists()


@pytest.mark.parametrize('name', ['lock', 'release.json'])
def test_pipes_do_not_block(tmp_path, name):
    (tmp_path / '.prepare').mkdir()
    os.mkfifo(tmp_path / '.prepare' / name)
    with pytest.raises(MERDataError, match=str(tmp_path)):
        with out_folder(tmp_path, 'X'):
            pass
