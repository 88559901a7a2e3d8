"""The page's private folder, and those of pages that were killed."""

import os
import tempfile

import pytest

from mmaction_mer.app.private_folder import (
    PREFIX,
    PrivateFolder,
    remove_stale_folders,
)
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return tmp_path


def stale(temporary, name='dead'):
    """Create a folder as of a page that was killed."""
    folder = temporary / f'{PREFIX}{name}'
    (folder / 'uploads' / 'x').mkdir(parents=True)
    (folder / 'uploads' / 'x' / 'face.mp4').write_text('a face')
    return folder


def test_it_is_private_and_removed_with_its_content(temporary):
    folder = PrivateFolder()
    assert folder.path.parent == temporary and folder.path.stat().st_mode & 0o077 == 0
    (folder.path / 'a').mkdir()
    (folder.path / 'a' / 'b').touch()
    child = os.fork()
    if not child:
        folder.remove()  # not that of its parent
        os._exit(0)
    os.waitpid(child, 0)
    assert (folder.path / 'a' / 'b').exists()
    folder.remove()
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_only_folders_of_dead_pages_are_removed(temporary):
    live, dead = PrivateFolder(), stale(temporary)
    assert remove_stale_folders() == [dead]
    assert list(temporary.iterdir()) == [live.path]
    live.remove()


def test_links_and_folders_of_others_are_left_alone(temporary, monkeypatch):
    target = temporary / 'target'
    (target / 'kept').mkdir(parents=True)
    (temporary / f'{PREFIX}link').symlink_to(target)
    (temporary / f'{PREFIX}file').touch()
    own = stale(temporary)
    before = sorted(temporary.rglob('*'))
    user = os.geteuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, 'geteuid', lambda: user + 1)
        assert remove_stale_folders() == []
        assert sorted(temporary.rglob('*')) == before
    assert remove_stale_folders() == [own]
    assert (target / 'kept').is_dir() and (temporary / f'{PREFIX}link').is_symlink()


def test_a_file_system_without_locks(temporary, monkeypatch):
    def none(*_):
        raise OSError(38, 'Function not implemented')

    dead = stale(temporary)
    monkeypatch.setattr('fcntl.flock', none)
    folder = PrivateFolder()
    assert remove_stale_folders() == [dead] and folder.path.is_dir()
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_an_error_names_the_place(monkeypatch, tmp_path):
    (tmp_path / 'file').touch()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'file'))
    with pytest.raises(MERRunError) as error:
        PrivateFolder()
    assert error.value.path == str(tmp_path / 'file')
    assert remove_stale_folders() == []
