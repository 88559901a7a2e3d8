"""What visitors have sent: whose it is, how much, and when it goes."""

import os
import threading
import time

import pytest

from mmaction_mer.app import uploads as module
from mmaction_mer.app.uploads import StorageFullError, Uploads, safe_name
from mmaction_mer.utils.errors import MERDataError


def put(uploads, content=b'face', name='clip.mp4'):
    upload = uploads.begin(name)
    uploads.write(upload, content)
    return uploads.finish(upload)


def test_reading_one_removes_that_one_alone(tmp_path):
    uploads = Uploads(tmp_path / 'uploads')
    first, second = put(uploads), put(uploads)
    with uploads.open(first) as path:
        assert path.read_bytes() == b'face'
    assert not first.parent.exists() and second.read_bytes() == b'face'
    with pytest.raises(MERDataError, match='no longer here'), uploads.open(first):
        pass


def test_it_is_removed_though_reading_fails(tmp_path):
    uploads = Uploads(tmp_path)
    path = put(uploads)
    with pytest.raises(ZeroDivisionError), uploads.open(path):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_several_who_read_one_file_all_have_it(tmp_path):
    uploads = Uploads(tmp_path)
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
    assert list(tmp_path.iterdir()) == []


def test_a_reading_that_waits_keeps_its_file_from_another(tmp_path):
    uploads = Uploads(tmp_path)
    path = put(uploads)
    uploads.reserve([str(path)])
    uploads.reserve([str(path)])
    for last in (False, True):
        with uploads.open(path):
            pass
        uploads.release([str(path)])
        assert path.exists() != last


def test_what_nobody_reads_goes_and_what_waits_stays(tmp_path):
    uploads = Uploads(tmp_path, unread=0.0, waiting=1e6)
    unread, waiting, read = (put(uploads) for _ in range(3))
    arriving = uploads.begin('clip.mp4')
    uploads.reserve([str(waiting), '/etc/hostname', 'clip.mp4'])
    with uploads.open(read):
        assert uploads.sweep() == 1
        assert not unread.parent.exists()
        assert waiting.exists() and read.exists() and arriving.path.exists()
    uploads.release([str(waiting)])
    assert uploads.sweep() == 1 and not waiting.parent.exists()
    uploads = Uploads(tmp_path / 'other', waiting=0.0)
    waiting = put(uploads)
    uploads.reserve([str(waiting)])
    assert uploads.sweep() == 1  # whoever waits in vain goes, too


def test_what_nobody_knows_of_goes_by_its_age(tmp_path):
    uploads = Uploads(tmp_path, unread=100.0)
    for name, age in (('old', 1000), ('new', 0)):
        path = tmp_path / name / 'face.mp4'
        path.parent.mkdir()
        path.touch()
        os.utime(path.parent, (time.time() - age,) * 2)
    target = tmp_path.parent / f'{tmp_path.name}_target'
    target.mkdir()
    (target / 'file').touch()
    (tmp_path / 'link').symlink_to(target)
    os.utime(tmp_path / 'link', (0, 0), follow_symlinks=False)
    uploads.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ['new']
    assert (target / 'file').exists()


def test_the_sweep_goes_on_by_itself(tmp_path):
    uploads = Uploads(tmp_path, unread=0.0)
    swept = threading.Event()
    uploads.sweep = swept.set
    uploads.start_sweeping(interval=0.001)
    assert swept.wait(300)
    uploads.close()


def test_all_together_have_a_bound(tmp_path, monkeypatch):
    uploads = Uploads(tmp_path, total=10)
    put(uploads, b'x' * 6)
    upload = uploads.begin('clip.mp4')
    with pytest.raises(StorageFullError):
        uploads.write(upload, b'x' * 5)
    uploads.discard(upload)
    path = put(uploads, b'x' * 4)
    with uploads.open(path):
        pass
    put(uploads, b'x' * 4)
    monkeypatch.setattr(module, 'MOST', 2)
    with pytest.raises(StorageFullError):
        uploads.begin('clip.mp4')


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    uploads = Uploads(tmp_path)
    upload = uploads.begin('clip.mp4')
    upload.file.close()
    upload.file = open('/dev/full', 'wb', buffering=0)
    with pytest.raises(StorageFullError, match='No space'):
        uploads.write(upload, b'face')
    uploads.discard(upload)
    assert list(tmp_path.iterdir()) == []


def test_the_end_removes_all_and_takes_no_more(tmp_path):
    uploads = Uploads(tmp_path)
    put(uploads)
    arriving = uploads.begin('clip.mp4')
    uploads.close()
    assert list(tmp_path.iterdir()) == []
    for late in (
        lambda: uploads.begin('clip.mp4'),
        lambda: uploads.write(arriving, b'x'),
        lambda: uploads.finish(arriving),
    ):
        with pytest.raises(StorageFullError):
            late()
    assert list(tmp_path.iterdir()) == []


def test_only_what_was_sent_is_held(tmp_path):
    uploads = Uploads(tmp_path / 'uploads')
    own = put(uploads)
    (uploads.folder / 'link').symlink_to('/etc')
    assert uploads.find(str(own))
    for path in ('/etc/hostname', str(uploads.folder / 'b.mp4'), str(own.parent),
                 str(uploads.folder / '..' / 'b.mp4'), 'http://a.org/b.mp4', 3, None,
                 str(uploads.folder / 'link' / 'hostname'), 'clip.mp4', 'a\0b',
                 '\ud800', ['a'], 'x' * 100_000):  # fmt: skip
        assert not uploads.find(path)


@pytest.mark.parametrize('name', ['', '.', '..', '/', '../../etc/passwd', 'a\0b.mp4',
    'C:\\clips\\a.avi', '映像.mp4', '映' * 300 + '.mp4', 'a.' + 'b' * 300, '\n.mp4',
    ' .mp4', '-rf', '~', '$(id).mp4'])  # fmt: skip
def test_names_are_safe_name(tmp_path, name):
    uploads = Uploads(tmp_path)
    path = put(uploads, name=name)
    assert path.parent.parent == tmp_path and path.read_bytes() == b'face'
    assert safe_name(name) == path.name
