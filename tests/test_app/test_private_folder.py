"""The page's private folder, and those of pages that were killed."""

import os
import tempfile

import pytest

from mmaction_mer.app.private_folder import PREFIX, PrivateFolder, remove_stale_folders
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return tmp_path


def left_behind(temporary, name='dead'):
    """A folder whose process was killed: with its lock, which nobody holds."""
    folder = temporary / f'{PREFIX}{name}'
    (folder / 'uploads' / 'x').mkdir(parents=True)
    (folder / 'uploads' / 'x' / 'face.mp4').write_text('a face')
    (folder / '.lock').touch()
    return folder


def test_it_is_private_and_goes_with_all_in_it(temporary):
    folder = PrivateFolder()
    assert folder.path.parent == temporary and folder.path.stat().st_mode & 0o077 == 0
    (folder.path / 'a').mkdir()
    (folder.path / 'a' / 'b').touch()
    folder.remove()
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_a_live_page_keeps_its_folder_and_a_dead_one_does_not(temporary):
    live, dead = PrivateFolder(), left_behind(temporary)
    (dead / '.lock').unlink()  # killed before it was made
    other = left_behind(temporary, 'other')
    assert sorted(remove_stale_folders()) == sorted([dead, other])
    assert list(temporary.iterdir()) == [live.path]
    live.remove()


def test_other_peoples_things_stay(temporary, monkeypatch):
    target = temporary / 'target'
    (target / 'kept').mkdir(parents=True)
    (temporary / f'{PREFIX}link').symlink_to(target)
    (temporary / f'{PREFIX}file').touch()
    foreign = left_behind(temporary, 'foreign')
    odd = left_behind(temporary, 'odd')
    (odd / '.lock').unlink()
    (odd / '.lock').symlink_to(target / 'made')
    user = os.geteuid()
    before = sorted(temporary.rglob('*'))
    monkeypatch.setattr(os, 'geteuid', lambda: user + 1)
    assert remove_stale_folders() == []
    assert sorted(temporary.rglob('*')) == before
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, 'tempdir', str(temporary))
    assert remove_stale_folders() == [foreign]
    assert (target / 'kept').is_dir() and not (target / 'made').exists()
    assert (temporary / f'{PREFIX}link').is_symlink()


def test_a_child_does_not_remove_its_parents(temporary):
    folder = PrivateFolder()
    child = os.fork()
    if not child:
        folder.remove()
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.path.is_dir()
    folder.remove()


def test_without_locks_it_works_and_clears_nothing(temporary, monkeypatch):
    def none(*_):
        raise OSError(38, 'Function not implemented')

    dead = left_behind(temporary)
    monkeypatch.setattr('fcntl.flock', none)
    folder = PrivateFolder()
    assert remove_stale_folders() == [] and dead.is_dir()
    folder.remove()
    assert list(temporary.iterdir()) == [dead]


def test_where_no_folder_can_be_made_is_said(monkeypatch, tmp_path):
    place = tmp_path / 'file'
    place.touch()
    monkeypatch.setattr(tempfile, 'tempdir', str(place))
    with pytest.raises(MERRunError, match='file'):
        PrivateFolder()
    assert remove_stale_folders() == []
