"""What the page's server does not do."""

import asyncio

import numpy as np
import pytest

from mmaction_mer.app import safety
from mmaction_mer.app.safety import Bounded, Guard, refuse_foreign_files
from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.inference import open_source


def ask(path, host='127.0.0.1:7860', hosts=('127.0.0.1',), kind='http', origin=None):
    """Status and headers of the answer to one request, and whether it got through."""
    sent, through = [], []

    async def app(scope, receive, send):
        through.append(scope['path'])
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})

    async def send(message):
        sent.append(message)

    sent_with = [(b'host', host.encode())]
    if origin:
        sent_with.append((b'origin', origin.encode()))
    scope = {'type': kind, 'path': path, 'headers': sent_with}
    asyncio.run(Guard(app, hosts)(scope, None, send))
    headers = dict(sent[0].get('headers', ()))
    return sent[0].get('status'), headers, bool(through)


@pytest.mark.parametrize('path', ['/', '/config', '/assets/a.js', '/theme.css',
    '/gradio_api/queue/join', '/gradio_api/upload'])  # fmt: skip
def test_what_the_page_needs_gets_through_with_its_policy(path):
    status, headers, through = ask(path)
    assert status == 200 and through
    policy = headers[b'content-security-policy'].decode()
    assert "default-src 'self'" in policy and 'http' not in policy


@pytest.mark.parametrize('path', ['/gradio_api/file=/etc/hostname', '/docs',
    '/gradio_api/proxy=http://example.org/', '/gradio_api/info', '/gradio_api/run/read',
    '/gradio_api/call/read', '/monitoring', '/gradio_api/vibe-edit/', '/static/../a',
    '/gradio_api/openapi.json', '/assetsx', '/gradio_api/stream/a/b/c/playlist.m3u8',
])  # fmt: skip
def test_all_else_is_not_there(path):
    status, headers, through = ask(path)
    assert status == 404 and not through
    assert b'content-security-policy' in headers


def test_only_the_machines_own_names_are_answered():
    assert not ask('/', host='evil.example')[2]
    assert not ask('/', host='evil.example:7860')[2]
    assert not ask('/', host='')[2]
    assert ask('/', host='127.0.0.1')[2]
    assert ask('/', host='[::1]:80', hosts=('[::1]',))[2]
    assert ask('/', host='my.lab:80', hosts=None)[2]


def test_another_sites_page_cannot_send_here():
    path = '/gradio_api/upload'
    assert ask(path, origin='http://127.0.0.1:7860')[2]
    for origin in ('http://evil.example', 'http://127.0.0.1:80', 'null'):
        assert ask(path, origin=origin)[0] == 404


def test_sockets_are_closed():
    assert ask('/', kind='websocket') == (None, {}, False)


def test_own_uploads_are_taken_and_foreign_paths_refused(tmp_path):
    folder = tmp_path / 'uploads'
    own = folder / 'a' / 'clip.mp4'
    own.parent.mkdir(parents=True)
    own.touch()
    (folder / 'link').symlink_to('/etc')
    refuse_foreign_files([{'path': str(own), 'meta': {}}, 20, None, 'text'], folder)
    for path in ('/etc/hostname', str(folder / 'b.mp4'), str(own.parent),
                 str(folder / '..' / 'b.mp4'), 'http://a.org/b.mp4',
                 str(folder / 'link' / 'hostname'), 'clip.mp4', 3, 'a\0b'):  # fmt: skip
        for value in ({'path': path}, [1, {'x': [{'path': path}]}]):
            with pytest.raises(MERDataError, match='nobody has sent'):
                refuse_foreign_files(value, folder)


def test_frames_that_would_fill_the_memory_are_made_smaller(monkeypatch):
    clip = np.zeros((3, 100, 200, 3), np.uint8)
    clip[:, :, 100:] = 200
    monkeypatch.setattr(safety, 'HELD', 27 * 100 * 200 * 3 / 4)
    frames = list(Bounded(open_source(clip, 25.0)).frames())
    assert [frame.shape for frame in frames] == [(50, 100, 3)] * 3
    assert (frames[0][:, :45] == 0).all() and (frames[0][:, 55:] == 200).all()
    # At a lower rate a second holds fewer of them.
    frames = list(Bounded(open_source(clip, 4.0)).frames())
    assert frames[0].shape == (100, 200, 3)


def test_frame_rates_and_patience_have_an_end(monkeypatch):
    clip = np.zeros((3, 32, 32, 3), np.uint8)
    with pytest.raises(MERDataError, match='5000 frames a second; up to 1000'):
        Bounded(open_source(clip, 5000.0))
    monkeypatch.setattr(safety, 'PATIENCE', -1.0)
    with pytest.raises(MERDataError, match='takes longer'):
        list(Bounded(open_source(clip, 25.0)).frames())
