"""The server of the page, without a browser."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from page_clips import face
from page_visitor import BOUNDARY, PATIENCE, Visitor, chunk, form, open_request
from paths import ROOT

from mmaction_mer.app import serving
from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.visualization.video import write_video

SIGNALS = ['SIGTERM', 'SIGKILL']


@pytest.fixture
def guest(served):
    return Visitor(served.url)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder for temporary files, which must be empty again."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """Bytes of a clip that can be predicted."""
    frames = np.stack([np.roll(face(), n // 3, axis=0) for n in range(8)])
    path = write_video(tmp_path_factory.mktemp('clip') / 'good.mp4', frames, 25)
    return path.read_bytes()


def slider_handler(guest):
    """Return the index of the handler of the sliders."""
    return next(
        number for number, parts in guest.handlers().items()
        if any(part['type'] == 'state' for part in parts)
    )  # fmt: skip


# Starting and stopping


def test_without_gradio_the_hint_says_how_to_install_it(temporary, monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(MERRunError) as error:
        serving.serve()
    assert error.value.hint == "pip install 'mmaction_mer[app]'"


def test_an_unknown_model_leaves_nothing_behind(temporary):
    with pytest.raises(MERRunError, match='no such run'):
        serving.serve(temporary / 'nothing', port=None)


@pytest.mark.parametrize('host', ['127.0.0.1', '203.0.113.9', 'no host', '[::1'])
def test_an_address_that_cannot_be_used(temporary, host):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        with pytest.raises(MERRunError) as error:
            serving.serve(host=host, port=taken.getsockname()[1])
    # Another port helps only if this one is in use.
    assert ('--port' in error.value.hint) == (host == '127.0.0.1')
    assert host in error.value.problem


def test_a_folder_that_cannot_be_created(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'gone'))
    with pytest.raises(MERRunError) as error:
        serving.serve(port=None)
    assert error.value.path == str(tmp_path / 'gone') and 'TMPDIR' in error.value.hint


def test_two_pages_in_one_process_have_their_own_folders(served, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', os.environ['GRADIO_TEMP_DIR'])
    other = serving.serve(port=None)
    try:
        status, text = Visitor(served.url).send(b'x', 'a.mp4')
        assert status == 200
        (path,) = map(Path, json.loads(text))
        foreign = Visitor(other.url).predict(str(path))
        assert not foreign['success'] and path.exists()
        Visitor(served.url).predict(str(path))
        assert not path.exists()
    finally:
        other.close()
    assert not other.folder.exists() and served.folder.is_dir()


def test_no_signal_leaves_a_clip_behind(tmp_path, clip):
    (tmp_path / 'clip.mp4').write_bytes(clip)
    script = Path(__file__).with_name('ended_pages.py')
    done = subprocess.run(
        [sys.executable, script, tmp_path, *SIGNALS],
        env={**os.environ, 'TMPDIR': str(tmp_path), 'OMP_NUM_THREADS': '1',
             'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'},
        capture_output=True,
        text=True,
        timeout=550,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout.splitlines()[-1])
    # SIGKILL cannot be caught, but the next page cleans up.
    assert left.pop('SIGKILL') is True
    assert left == dict.fromkeys([*SIGNALS[:-1], 'next start'], False)
    assert 'Traceback' not in done.stderr


# What visitors can do


def test_it_serves_this_machine_only_and_no_files(guest, served):
    assert served.url.startswith('http://127.0.0.1:')
    assert served.page.server.config.host == '127.0.0.1'
    assert served.page.share_url is None
    _, text = guest.get('/')
    for tag in (
        'src="http',
        "src='http",
        '<link rel="preconnect" href="http',
        '@import',
    ):
        assert tag not in text
    sample = served.folder / 'sample.txt'
    sample.write_text('secret')
    sent = json.loads(guest.send(b'secret')[1])[0]
    for path in (sample, sent, Path('/etc/hostname')):
        status, text = guest.get(f'/gradio_api/file={path}')
        assert status == 404 and 'secret' not in text
    guest.predict(sent)


@pytest.mark.parametrize(
    'path', ['/etc/hostname', __file__, 'http://127.0.0.1:1/a.mp4']
)
def test_only_uploads_can_be_used(guest, path, monkeypatch):
    import gradio.processing_utils

    async def download(*args, **kwargs):
        raise AssertionError('the server fetched an address')

    monkeypatch.setattr(
        gradio.processing_utils, 'async_ssrf_protected_download', download
    )
    file = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
    # As the clip, and in place of another value.
    for data in ([file, '', 20, 0.4, 4], [None, file, 20, 0.4, 4]):
        answer = guest.press('predict', data)
        assert answer['success'] is False
        assert 'not uploaded here' in answer['output']['error']


def test_a_wrong_frame_rate_keeps_the_clip(guest, served):
    def copies():
        files = (path for path in served.folder.rglob('*') if path.is_file())
        return [path for path in files if path.read_bytes() == b'x']

    path = json.loads(guest.send(b'x')[1])[0]
    answer = guest.predict(path, 'fast')
    assert 'The true frame rate is' in json.dumps(answer['output'])
    # There is no copy of it, and the browser gets no other path.
    assert answer['output']['data'][-1] == {'__type__': 'update'}
    assert copies() == [Path(path)]
    guest.predict(path, '100')
    assert not copies()


def test_messages_without_a_clip_or_a_session(guest):
    for rate in ('', None):
        answer = guest.press('predict', [None, rate, 20, 0.4, 4])
        assert 'Upload a clip first' in json.dumps(answer['output'])
    answer = guest.call(slider_handler(guest), [None, 20, 0.4, 4])
    assert answer['success'] and 'predict it again' in json.dumps(answer['output'])


def test_visitors_who_send_the_same_file_at_once_are_all_answered(running, clip):
    def visit(_):
        guest = Visitor(running.url)
        status, text = guest.send(clip, 'same.mp4')
        assert status == 200
        path = json.loads(text)[0]
        return path, guest.predict(path)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(visit, range(6)))
    for _, answer in answers:
        assert 'mer-label' in json.dumps(answer['output']), answer
    assert len({path for path, _ in answers}) == 6
    assert running.kept() == []


def test_visitors_keep_their_own_films(running):
    guests = [Visitor(running.url) for _ in range(4)]
    names = [f'sample-{1 + number % 2}' for number in range(4)]
    shown = [
        guest.press(name, [20, 0.4, 4])
        for guest, name in zip(guests, names, strict=True)
    ]
    number = slider_handler(guests[0])
    for guest, name, first in zip(guests, names, shown, strict=True):
        again = guest.call(number, [None, 20, 0.4, 4])
        film = re.search(r'base64,[^)]+', json.dumps(again['output']))[0]
        assert film in json.dumps(first['output']), name


def test_uploads_expire(guest, served, monkeypatch):
    monkeypatch.setattr(served.uploads, 'unread', 0.0)
    path = Path(json.loads(guest.send(b'a face')[1])[0])
    assert path.read_bytes() == b'a face'
    served.uploads.sweep()
    assert not path.parent.exists()


# What is rejected


@pytest.mark.parametrize('chunked', [False, True])
def test_interrupted_uploads_are_removed(running, chunked):
    half = form([('half.mp4', b'face' * 50_000)])[:100_000]
    how = 'Transfer-Encoding: chunked' if chunked else 'Content-Length: 900000'
    lines = []
    for _ in range(5):
        line = open_request(running.url, '/gradio_api/upload', how)
        line.sendall(chunk(half) if chunked else half)
        lines.append(line)
    deadline = time.monotonic() + PATIENCE
    while len(running.kept()) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for path in running.kept():
        # Nothing is stored in another place, or readable by others.
        assert path.is_relative_to(running.folder)
        assert path.stat().st_mode & 0o077 == 0
    assert running.folder.stat().st_mode & 0o077 == 0
    for line in lines:
        line.close()
    while running.kept():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize('chunked', [False, True])
def test_requests_are_limited(running, chunked):
    # Each file is small enough, but not all of them in one request.
    body = form([(f'{number}.mp4', bytes(13 << 20)) for number in range(6)])
    how = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {len(body)}'
    with open_request(running.url, '/gradio_api/upload', how) as line:
        for start in range(0, len(body), 1 << 20):
            part = body[start : start + (1 << 20)]
            line.sendall(chunk(part) if chunked else part)
        if chunked:
            line.sendall(b'0\r\n\r\n')
        answer = b''.join(iter(lambda: line.recv(1 << 16), b''))
    assert answer.startswith(b'HTTP/1.1 413 ')
    assert running.kept() == []


def test_every_value_of_an_input_is_answered(running):
    odd = [None, float('nan'), -1, 1e308, 10**400, True, 'text', '\ud800', [], [[1]],
           {}, {'path': '/etc/passwd'}, {'path': None}, {'value': 1}]  # fmt: skip
    guest = Visitor(running.url)
    fine = {'slider': 4, 'textbox': '', 'file': None, 'state': None}
    asked = 0
    for number, parts in guest.handlers().items():
        if not any(part['type'] == 'slider' for part in parts):
            continue
        whole = [fine[part['type']] for part in parts]
        tries = [[], [*whole, 1], whole[:-1]]
        for place, part in enumerate(parts):
            if part['type'] != 'state':
                tries += [[*whole[:place], one, *whole[place + 1 :]] for one in odd]
        for data in tries:
            answer = guest.call(number, data)
            text = json.dumps(answer['output'])
            asked += 1
            if not answer['success']:
                assert answer['output']['error'], (number, data)
            assert 'error in the program' not in text, (number, data)
            assert 'base64' not in text, (number, data)
    assert asked > 200
    assert 'Traceback' not in running.log


@pytest.mark.parametrize('path', ['queue/join', 'cancel', 'reset', 'upload'])
def test_every_body_is_answered(running, path):
    guest = Visitor(running.url)
    whole = dict(data=[], fn_index=0, session_hash='a', event_id='b')
    odd = [None, 'text', -1, 1e9, 10**9, True, [], {}, 'x' * 1000, '\ud800']
    bodies = [b'', b'nothing', b'[' * 60_000, b'{"data":' * 5000, b'\xff\xfe', b'[]',
              b'NaN', b'{"fn_index":' + b'9' * 5000 + b'}', b' ' * 100_000]  # fmt: skip
    for key in whole:
        bodies += [json.dumps({**whole, key: one}).encode() for one in odd]
        bodies += [json.dumps({k: v for k, v in whole.items() if k != key}).encode()]
    multipart = 'multipart/form-data'
    kinds = ['application/json', 'text/plain', multipart, f'{multipart}; boundary=a',
             f'{multipart}; boundary={"a" * 500}']  # fmt: skip
    for place, body in enumerate(bodies):
        status, _ = guest.post(
            f'/gradio_api/{path}?upload_id=1', body, kinds[place % len(kinds)]
        )
        assert status in (200, 400, 413, 422), (body[:100], status)
    assert 'Traceback' not in running.log


def test_invalid_forms_leave_nothing(running):
    guest = Visitor(running.url)
    kind = f'multipart/form-data; boundary={BOUNDARY.decode()}'
    whole = form([('a.mp4', b'x' * 1000)])
    head = b'--' + BOUNDARY + b'\r\n'
    forms = [
        whole[:-10], whole.replace(b'"files"', b'"other"'), whole + whole,
        whole.replace(b'; filename="a.mp4"', b''), form([]),
        form([('a.mp4', b'x'), ('b.mp4', b'y')]),
        whole.replace(b'Content-Type', b'X: y\r\n' * 500 + b'Content-Type'),
        whole.replace(b'a.mp4', b'a' * 100_000), head + b'\r\n' + whole,
    ]  # fmt: skip
    for body in forms:
        status, text = guest.post('/gradio_api/upload', body, kind)
        if status == 200:  # bytes after the end of the form are ignored
            guest.predict(json.loads(text)[0])
        else:
            assert status in (400, 413)
        assert running.kept() == []
    for name in ('../../x.mp4', '/etc/x.mp4', 'a\0b.mp4', 'é' * 300 + '.mp4', '', '..'):
        status, text = guest.send(b'x', name)
        path = Path(json.loads(text)[0])
        assert status == 200 and path.parent.parent == running.folder / 'uploads'
        guest.predict(str(path))
        path.unlink(missing_ok=True)  # rejected if it has no suffix
    assert 'Traceback' not in running.log


def test_odd_addresses_leave_no_traceback(running):
    guest = Visitor(running.url)
    for path in ('/gradio_api/queue/data?session_hash=unknown',
        '/gradio_api/queue/data?session_hash=%00', '/gradio_api/queue/data',
        '/static/%00', '/static/' + 'a' * 300, '/assets/' + 'a/' * 150,
        '/assets/..%2f..', '/gradio_api/heartbeat/', '/gradio_api/upload',
        '/gradio_api/upload_progress?upload_id=unknown'):  # fmt: skip
        guest.get(path)
    assert 'Traceback' not in running.log
