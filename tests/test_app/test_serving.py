"""The server itself, asked without a browser."""

import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from mmaction_mer.app import serving
from mmaction_mer.utils.errors import MERRunError

SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGKILL']


@pytest.fixture
def guest(served, visitor):
    return visitor.Visitor(served.url)


@pytest.fixture(scope='module')
def clip(clips, tmp_path_factory):
    """Bytes of a clip that is read."""
    from mmaction_mer.visualization.video import write_video

    frames = np.stack([np.roll(clips.face(), n // 3, axis=0) for n in range(8)])
    path = write_video(tmp_path_factory.mktemp('clip') / 'good.mp4', frames, 25)
    return path.read_bytes()


def test_without_gradio_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(MERRunError, match=r"pip install 'mmaction_mer\[app\]'"):
        serving.serve()


def test_an_unknown_model_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')
    with pytest.raises(MERRunError, match='no such run'):
        serving.serve(tmp_path / 'nothing', port=None)
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_this_machine_alone(served):
    assert served.url.startswith('http://127.0.0.1:')
    listening = served.page.server.config
    assert listening.host == '127.0.0.1'
    assert served.page.share_url is None


@pytest.mark.parametrize('host', ['127.0.0.1', '203.0.113.9', 'no host', '[::1'])
def test_where_nobody_can_listen_is_said(tmp_path, monkeypatch, host):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MERRunError) as raised:
            serving.serve(host=host, port=port)
    # Only where the port is taken does another one help.
    assert ('--port' in str(raised.value)) == (host == '127.0.0.1')
    assert host in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_matter_of_the_port(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'gone'))
    with pytest.raises(MERRunError, match='gone') as raised:
        serving.serve(port=None)
    assert '--port' not in str(raised.value)


def test_two_pages_in_one_process_have_their_own_folders(served, visitor, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', os.environ['GRADIO_TEMP_DIR'])
    other = serving.serve(port=None)
    try:
        status, text = visitor.Visitor(served.url).send(b'x', 'a.mp4')
        assert status == 200
        (path,) = map(Path, json.loads(text))
        foreign = visitor.Visitor(other.url).read(str(path))
        assert not foreign['success'] and path.exists()
        visitor.Visitor(served.url).read(str(path))
        assert not path.exists()
    finally:
        other.close()
    assert not other.folder.exists() and served.folder.is_dir()


def test_the_page_names_no_other_site(guest):
    _, text = guest.get('/')
    for tag in (
        'src="http',
        "src='http",
        '<link rel="preconnect" href="http',
        '@import',
    ):
        assert tag not in text


@pytest.mark.parametrize(
    'path', ['/etc/hostname', __file__, 'http://127.0.0.1:1/a.mp4']
)
def test_no_file_is_read_that_a_client_only_names(guest, path, monkeypatch):
    import gradio.processing_utils

    async def download(*args, **kwargs):
        raise AssertionError('the server fetched an address')

    monkeypatch.setattr(
        gradio.processing_utils, 'async_ssrf_protected_download', download
    )
    named = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
    # As the clip, and where no file belongs.
    for data in ([named, '', 20, 0.4, 4], [None, named, 20, 0.4, 4]):
        answer = guest.press('predict', data)
        assert answer['success'] is False
        assert 'nobody has sent' in answer['output']['error']


@pytest.mark.parametrize('text', ['fast', '-3', '1e9', 'nan', 'inf'])
def test_frame_rates_that_are_none_get_a_sentence(guest, served, text):
    path = json.loads(guest.send(b'x')[1])[0]
    answer = guest.read(path, text)
    assert 'The true frame rate is' in json.dumps(answer['output'])
    assert Path(path).exists()  # to be read at another rate
    # Neither is there a copy of it, nor does the browser hear of another path.
    assert answer['output']['data'][-1] == {'__type__': 'update'}
    assert copies(served, b'x') == [Path(path)]
    guest.read(path, '100')
    assert not copies(served, b'x')


def copies(served, content):
    """Files below a page's folder that hold just these bytes."""
    files = (path for path in served.folder.rglob('*') if path.is_file())
    return [path for path in files if path.read_bytes() == content]


def test_nothing_pressed_nothing_read(guest):
    for rate in ('', None):
        answer = guest.press('predict', [None, rate, 20, 0.4, 4])
        assert 'Drop a clip first' in json.dumps(answer['output'])


def test_files_on_the_server_are_not_given_out(guest, served):
    sample = served.folder / 'sample.txt'
    sample.write_text('secret')
    sent = json.loads(guest.send(b'secret')[1])[0]
    for path in (sample, sent, Path('/etc/hostname')):
        status, text = guest.get(f'/gradio_api/file={path}')
        assert status == 404 and 'secret' not in text
    guest.read(sent)


def test_a_session_that_was_let_go_is_told_so(guest):
    number = next(
        number for number, parts in guest.handlers().items()
        if any(part['type'] == 'state' for part in parts)
    )  # fmt: skip
    answer = guest.call(number, [None, 20, 0.4, 4])
    assert answer['success'] and 'read it again' in json.dumps(answer['output'])


@pytest.mark.parametrize('visitors', [3, 8])
def test_visitors_who_send_the_same_file_at_once_are_all_answered(
    running, visitor, clip, visitors
):
    def visit(_):
        guest = visitor.Visitor(running.url)
        status, text = guest.send(clip, 'same.mp4')
        assert status == 200
        path = json.loads(text)[0]
        return path, guest.read(path)

    with ThreadPoolExecutor(visitors) as pool:
        answers = list(pool.map(visit, range(visitors)))
    for _, answer in answers:
        assert 'mer-label' in json.dumps(answer['output']), answer
    assert len({path for path, _ in answers}) == visitors
    assert running.kept() == []


def test_everybody_keeps_their_own_film(running, visitor):
    guests = [visitor.Visitor(running.url) for _ in range(10)]
    names = [f'sample-{1 + number % 2}' for number in range(10)]
    shown = [
        guest.press(name, [20, 0.4, 4])
        for guest, name in zip(guests, names, strict=True)
    ]
    number = next(
        number for number, parts in guests[0].handlers().items()
        if any(part['type'] == 'state' for part in parts)
    )  # fmt: skip
    for guest, name, first in zip(guests, names, shown, strict=True):
        again = guest.call(number, [None, 20, 0.4, 4])
        film = re.search(r'base64,[^)]+', json.dumps(again['output']))[0]
        assert film in json.dumps(first['output']), name


@pytest.mark.parametrize('chunked', [False, True])
def test_what_was_broken_off_is_removed(running, visitor, chunked):
    import time

    half = visitor.form([('half.mp4', b'face' * 50_000)])[:100_000]
    how = 'Transfer-Encoding: chunked' if chunked else 'Content-Length: 900000'
    lines = []
    for _ in range(5):
        line = visitor.open_request(running.url, '/gradio_api/upload', how)
        line.sendall(visitor.chunk(half) if chunked else half)
        lines.append(line)
    deadline = time.monotonic() + visitor.PATIENCE
    while len(running.kept()) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for path in running.kept():
        # Nothing that was sent lies outside, or can be read by others.
        assert path.is_relative_to(running.folder)
        assert path.stat().st_mode & 0o077 == 0
    assert running.folder.stat().st_mode & 0o077 == 0
    for line in lines:
        line.close()
    while running.kept():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_nobody_reads_is_swept(guest, served, monkeypatch):
    monkeypatch.setattr(served.uploads, 'unread', 0.0)
    path = Path(json.loads(guest.send(b'a face')[1])[0])
    assert path.read_bytes() == b'a face'
    served.uploads.sweep()
    assert not path.parent.exists()


@pytest.mark.parametrize('chunked', [False, True])
def test_requests_have_a_bound(running, visitor, chunked):
    # Each file may be sent, all of them in one request may not.
    body = visitor.form([(f'{number}.mp4', bytes(13 << 20)) for number in range(6)])
    how = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {len(body)}'
    with visitor.open_request(running.url, '/gradio_api/upload', how) as line:
        for start in range(0, len(body), 1 << 20):
            part = body[start : start + (1 << 20)]
            line.sendall(visitor.chunk(part) if chunked else part)
        if chunked:
            line.sendall(b'0\r\n\r\n')
        answer = b''.join(iter(lambda: line.recv(1 << 16), b''))
    assert answer.startswith(b'HTTP/1.1 413 ')
    assert running.kept() == []


def test_whatever_is_sent_for_an_input_gets_a_sentence(running, visitor):
    odd = [None, float('nan'), float('inf'), -float('inf'), -1, 1e308, 10**400, True,
           'text', '', '\ud800', [], [[1]], {}, {'path': '/etc/passwd'},
           {'path': None}, {'value': 1}]  # fmt: skip
    guest = visitor.Visitor(running.url)
    fine = {'slider': 4, 'textbox': '', 'file': None, 'state': None}
    asked = 0
    for number, parts in guest.handlers().items():
        whole = [fine[part['type']] for part in parts]
        tries = [[], [*whole, 1], whole[:-1]]
        for place, part in enumerate(parts):
            if part['type'] != 'state':
                tries += [[*whole[:place], one, *whole[place + 1 :]] for one in odd]
        if not any(part['type'] == 'slider' for part in parts):
            continue
        for data in tries:
            answer = guest.call(number, data)
            text = json.dumps(answer['output'])
            asked += 1
            if not answer['success']:
                assert answer['output']['error'], (number, data)
            assert 'mistake in the program' not in text, (number, data)
            assert 'base64' not in text, (number, data)
    assert asked > 300
    assert 'Traceback' not in running.log


@pytest.mark.parametrize('path', ['queue/join', 'cancel', 'reset', 'upload'])
def test_whatever_is_sent_to_an_address_gets_an_answer(running, visitor, path):
    guest = visitor.Visitor(running.url)
    whole = dict(data=[], fn_index=0, session_hash='a', event_id='b')
    odd = [None, 'text', -1, 1e9, 10**9, True, [], {}, 'x' * 1000, '\ud800']
    bodies = [b'', b'nothing', b'[' * 60_000, b'{"data":' * 5000, b'\xff\xfe', b'[]',
              b'NaN', b'{"fn_index":' + b'9' * 5000 + b'}', b' ' * 100_000]  # fmt: skip
    for key in whole:
        bodies += [json.dumps({**whole, key: one}).encode() for one in odd]
        bodies += [json.dumps({k: v for k, v in whole.items() if k != key}).encode()]
    form = 'multipart/form-data'
    kinds = ['application/json', 'text/plain', form, f'{form}; boundary=a',
             f'{form}; boundary={"a" * 500}']  # fmt: skip
    for place, body in enumerate(bodies):
        status, _ = guest.post(
            f'/gradio_api/{path}?upload_id=1', body, kinds[place % len(kinds)]
        )
        assert status in (200, 400, 413, 422), (body[:100], status)
    assert 'Traceback' not in running.log


def test_forms_that_are_none_leave_nothing(running, visitor):
    guest = visitor.Visitor(running.url)
    kind = f'multipart/form-data; boundary={visitor.BOUNDARY.decode()}'
    whole = visitor.form([('a.mp4', b'x' * 1000)])
    head = b'--' + visitor.BOUNDARY + b'\r\n'
    forms = [
        whole[:-10], whole.replace(b'"files"', b'"other"'), whole + whole,
        whole.replace(b'; filename="a.mp4"', b''), visitor.form([]),
        visitor.form([('a.mp4', b'x'), ('b.mp4', b'y')]),
        whole.replace(b'Content-Type', b'X: y\r\n' * 500 + b'Content-Type'),
        whole.replace(b'a.mp4', b'a' * 100_000), head + b'\r\n' + whole,
    ]  # fmt: skip
    for body in forms:
        status, text = guest.post('/gradio_api/upload', body, kind)
        if status == 200:  # what follows its end is not a part of a form
            guest.read(json.loads(text)[0])
        else:
            assert status in (400, 413)
        assert running.kept() == []
    for name in ('../../x.mp4', '/etc/x.mp4', 'a\0b.mp4', 'é' * 300 + '.mp4', '', '..'):
        status, text = guest.send(b'x', name)
        path = Path(json.loads(text)[0])
        assert status == 200 and path.parent.parent == running.folder / 'uploads'
        guest.read(str(path))
        path.unlink(missing_ok=True)  # without an ending it was not read
    assert 'Traceback' not in running.log


@pytest.mark.parametrize('path', ['/gradio_api/queue/data?session_hash=unknown',
    '/gradio_api/queue/data?session_hash=%00', '/gradio_api/queue/data',
    '/static/%00', '/static/' + 'a' * 300, '/assets/' + 'a/' * 150, '/assets/..%2f..',
    '/gradio_api/heartbeat/', '/gradio_api/upload_progress?upload_id=unknown',
    '/gradio_api/upload'])  # fmt: skip
def test_odd_addresses_leave_no_traceback(running, visitor, path):
    visitor.Visitor(running.url).get(path)
    assert 'Traceback' not in running.log


def test_no_signal_leaves_a_clip_behind(tmp_path, clip):
    (tmp_path / 'clip.mp4').write_bytes(clip)
    script = Path(__file__).with_name('ended_pages.py')
    root = ROOT
    done = subprocess.run(
        [sys.executable, script, tmp_path, *SIGNALS],
        env={**os.environ, 'TMPDIR': str(tmp_path), 'OMP_NUM_THREADS': '1',
             'PYTHONPATH': f'{root}:{os.environ.get("PYTHONPATH", "")}'},
        capture_output=True,
        text=True,
        timeout=550,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout.splitlines()[-1])
    # A clip was there when the signal came; only this one cannot be caught.
    assert left.pop('SIGKILL') is True
    assert left == dict.fromkeys([*SIGNALS[:-1], 'next start'], False)
    assert 'Traceback' not in done.stderr
