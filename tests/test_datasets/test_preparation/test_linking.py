"""Files are linked or copied, never partially, never over another file."""

import errno
import os

import pytest

from mmaction_mer.datasets.preparation.linking import link_or_copy
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'a' / 'img1.png'
    path.parent.mkdir()
    path.write_bytes(b'pixels')
    return path


@pytest.fixture
def no_links(monkeypatch):
    def fail(*paths):
        raise OSError(errno.EXDEV, 'Invalid cross-device link')

    monkeypatch.setattr(os, 'link', fail)


def test_a_link_takes_no_space(source, tmp_path):
    target = tmp_path / 'b' / 'c' / 'img1.png'
    link_or_copy(source, target)
    link_or_copy(source, target)
    assert os.path.samefile(source, target)


def test_without_hard_links_it_is_a_copy(source, tmp_path, no_links):
    target = tmp_path / 'b' / 'img1.png'
    link_or_copy(source, target)
    changed = target.stat().st_mtime_ns, target.stat().st_ino
    link_or_copy(source, target)
    assert not os.path.samefile(source, target)
    assert target.read_bytes() == b'pixels'
    assert (target.stat().st_mtime_ns, target.stat().st_ino) == changed
    assert [path.name for path in target.parent.iterdir()] == ['img1.png']


def test_an_interrupted_copy_leaves_nothing(source, tmp_path, no_links, monkeypatch):
    target = tmp_path / 'b' / 'img1.png'
    monkeypatch.setattr(os, 'replace', lambda *paths: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        link_or_copy(source, target)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize('links', [True, False])
def test_another_file_is_never_replaced(source, tmp_path, links, request):
    if not links:
        request.getfixturevalue('no_links')
    target = tmp_path / 'img1.png'
    target.write_bytes(b'others')
    with pytest.raises(MERDataError) as error:
        link_or_copy(source, target)
    assert error.value.path == str(target)
    assert target.read_bytes() == b'others'
    # Not through a symbolic link either, though its bytes are the same.
    target.unlink()
    target.symlink_to(source)
    with pytest.raises(MERDataError):
        link_or_copy(source, target)


def test_a_symbolic_link_is_resolved(source, tmp_path):
    alias = tmp_path / 'alias.png'
    alias.symlink_to(source)
    link_or_copy(alias, tmp_path / 'b.png')
    assert not (tmp_path / 'b.png').is_symlink()
    assert os.path.samefile(source, tmp_path / 'b.png')


def test_a_file_that_cannot_be_read_is_named(source, tmp_path):
    for path in (tmp_path / 'none.png', source.parent):
        with pytest.raises(MERDataError) as error:
            link_or_copy(path, tmp_path / 'b.png')
        assert error.value.path == str(path)
    assert not (tmp_path / 'b.png').exists()


def test_a_file_with_holes_is_not_read_to_its_end(tmp_path):
    source = tmp_path / 'a' / 'img1.png'
    source.parent.mkdir()
    with open(source, 'wb') as file:
        file.truncate(1 << 36)
    target = tmp_path / 'b' / 'img1.png'
    with pytest.raises(MERDataError):
        link_or_copy(source, target)
    assert not target.exists()
