"""Uploads: whose they are, how many, and when they are deleted."""

import os
import threading
import time

import pytest

from mmaction_mer.app import uploads as module
from mmaction_mer.app.uploads import StorageFullError, Uploads, safe_name
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture
def uploads(tmp_path):
    return Uploads(tmp_path / 'uploads')


def put(uploads, content=b'face', name='clip.mp4'):
    upload = uploads.begin(name)
    uploads.write(upload, content)
    return uploads.finish(upload)


def test_an_upload_is_deleted_after_use(uploads):
    first, second = put(uploads), put(uploads)
    with uploads.open(first) as path:
        assert path.read_bytes() == b'face'
    assert not first.parent.exists() and second.read_bytes() == b'face'
    with pytest.raises(MERDataError, match='no longer stored'), uploads.open(first):
        pass
    with pytest.raises(ZeroDivisionError), uploads.open(second):
        1 / 0  # noqa: B018
    assert list(uploads.folder.iterdir()) == []


def test_several_requests_for_one_upload_all_get_it(uploads):
    path, met, seen = put(uploads), threading.Barrier(5), []

    def read():
        with uploads.open(path) as file:
            met.wait(300)
            seen.append(file.read_bytes())

    threads = [threading.Thread(target=read) for _ in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(300)
    assert seen == [b'face'] * 5
    assert list(uploads.folder.iterdir()) == []


def test_a_waiting_request_keeps_its_upload(uploads):
    path = put(uploads)
    uploads.reserve([str(path)])
    uploads.reserve([str(path)])
    for last in (False, True):
        with uploads.open(path):
            pass
        uploads.release([str(path)])
        assert path.exists() != last


def test_expired_uploads_are_swept(tmp_path):
    uploads = Uploads(tmp_path, unread=0.0, waiting=1e6)
    unread, waiting, used = (put(uploads) for _ in range(3))
    arriving = uploads.begin('clip.mp4')
    uploads.reserve([str(waiting), '/etc/hostname', 'clip.mp4'])
    with uploads.open(used):
        assert uploads.sweep() == 1
        assert not unread.parent.exists()
        assert waiting.exists() and used.exists() and arriving.path.exists()
    uploads.release([str(waiting)])
    assert uploads.sweep() == 1 and not waiting.parent.exists()
    uploads = Uploads(tmp_path / 'other', waiting=0.0)
    uploads.reserve([str(put(uploads))])
    assert uploads.sweep() == 1  # no request waits for ever


def test_unknown_files_are_swept_by_their_age(tmp_path):
    uploads = Uploads(tmp_path / 'uploads', unread=100.0)
    for name, age in (('old', 1000), ('new', 0)):
        folder = uploads.folder / name
        folder.mkdir()
        (folder / 'face.mp4').touch()
        os.utime(folder, (time.time() - age,) * 2)
    target = tmp_path / 'target'
    target.mkdir()
    (target / 'file').touch()
    (uploads.folder / 'link').symlink_to(target)
    os.utime(uploads.folder / 'link', (0, 0), follow_symlinks=False)
    uploads.sweep()
    assert [path.name for path in uploads.folder.iterdir()] == ['new']
    assert (target / 'file').exists()


def test_sweeping_runs_in_a_thread(uploads):
    swept = threading.Event()
    uploads.sweep = swept.set
    uploads.start_sweeping(interval=0.001)
    assert swept.wait(300)
    uploads.close()


def test_all_uploads_together_are_limited(tmp_path, monkeypatch):
    uploads = Uploads(tmp_path, total=10)
    put(uploads, b'x' * 6)
    upload = uploads.begin('clip.mp4')
    with pytest.raises(StorageFullError):
        uploads.write(upload, b'x' * 5)
    uploads.discard(upload)
    with uploads.open(put(uploads, b'x' * 4)):
        pass
    put(uploads, b'x' * 4)
    monkeypatch.setattr(module, 'MAX_UPLOADS', 2)
    with pytest.raises(StorageFullError):
        uploads.begin('clip.mp4')


def test_a_full_disk_leaves_nothing(uploads):
    upload = uploads.begin('clip.mp4')
    upload.file.close()
    upload.file = open('/dev/full', 'wb', buffering=0)
    with pytest.raises(StorageFullError, match='No space'):
        uploads.write(upload, b'face')
    uploads.discard(upload)
    assert list(uploads.folder.iterdir()) == []


def test_close_deletes_all_and_accepts_no_more(uploads):
    put(uploads)
    arriving = uploads.begin('clip.mp4')
    uploads.close()
    assert list(uploads.folder.iterdir()) == []
    for late in (
        lambda: uploads.begin('clip.mp4'),
        lambda: uploads.write(arriving, b'x'),
        lambda: uploads.finish(arriving),
    ):
        with pytest.raises(StorageFullError):
            late()
    assert list(uploads.folder.iterdir()) == []


def test_only_complete_uploads_are_found(uploads):
    own, arriving = put(uploads), uploads.begin('clip.mp4')
    (uploads.folder / 'link').symlink_to('/etc')
    assert uploads.find(str(own)).path == own
    for path in ('/etc/hostname', str(uploads.folder / 'b.mp4'), str(own.parent),
                 str(own.parent / 'b.mp4'), str(arriving.path), f'{own}/../clip.mp4',
                 str(uploads.folder / '..' / 'b.mp4'), 'http://a.org/b.mp4', 3, None,
                 str(uploads.folder / 'link' / 'hostname'), 'clip.mp4', 'a\0b',
                 '\ud800', ['a'], 'x' * 100_000):  # fmt: skip
        assert uploads.find(path) is None


@pytest.mark.parametrize('name', ['', '.', '..', '/', '../../etc/passwd', 'a\0b.mp4',
    'C:\\clips\\a.avi', '映像.mp4', '映' * 300 + '.mp4', 'a.' + 'b' * 300, '\n.mp4',
    ' .mp4', '-rf', '~', '$(id).mp4'])  # fmt: skip
def test_names_are_safe(uploads, name):
    path = put(uploads, name=name)
    assert path.parent.parent == uploads.folder and path.read_bytes() == b'face'
    assert safe_name(name) == path.name
