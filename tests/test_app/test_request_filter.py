"""What the page's server does not do."""

import asyncio
import json
from pathlib import Path

import pytest

from mmaction_mer.app.request_filter import RequestFilter
from mmaction_mer.app.upload_endpoint import UploadEndpoint
from mmaction_mer.app.uploads import Uploads


def guarded(app, hosts=None):
    """A guard that takes no clip and lets nothing be called."""
    return RequestFilter(app, hosts, UploadEndpoint(Uploads(Path('nowhere')), 10), ())


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
    asyncio.run(guarded(app, hosts)(scope, None, send))
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


def post(guard, path, body, **headers):
    """Status of the answer to a body in one piece."""
    sent, come = [], [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def send(message):
        sent.append(message)

    async def receive():
        return come.pop() if come else {'type': 'http.disconnect'}

    named = [(name.encode(), text.encode()) for name, text in headers.items()]
    named += [(b'host', b'a'), (b'content-length', str(len(body)).encode())]
    scope = {'type': 'http', 'path': path, 'headers': named, 'method': 'POST'}
    asyncio.run(guard(scope, receive, send))
    return sent[0]['status']


@pytest.mark.parametrize('method', ['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'POST'])
def test_nothing_is_done_but_reading_and_calling(method):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {'type': 'http.disconnect'}

    scope = {'type': 'http', 'path': '/config', 'headers': [], 'method': method}
    asyncio.run(guarded(None)(scope, receive, send))
    assert sent[0]['status'] == 405


def test_an_application_gets_what_the_page_needs_of_a_call_alone(tmp_path):
    seen = []

    async def app(scope, receive, send):
        seen.append((dict(scope['headers']), json.loads((await receive())['body'])))
        status = 200 if len(seen) == 1 else 503
        await send({'type': 'http.response.start', 'status': status, 'headers': []})
        await send({'type': 'http.response.body', 'body': b''})

    uploads = Uploads(tmp_path)
    upload = uploads.begin('a.mp4')
    path = str(uploads.finish(upload))
    guard = RequestFilter(app, None, UploadEndpoint(uploads, 10), {3})
    call = dict(data=[{'path': path}, 1], fn_index=3, session_hash='a')
    more = dict(call, event_data={'a': 1}, trigger_id=7, batched=True, event_id='x')
    assert post(guard, '/gradio_api/queue/join', json.dumps(more).encode()) == 200
    headers, body = seen[0]
    assert body == call and headers[b'content-length'] != b'0'
    # The clip waits for its reading, but not for one that the queue refused.
    assert upload.waiting == 1
    assert post(guard, '/gradio_api/queue/join', json.dumps(call).encode()) == 503
    assert upload.waiting == 1
    for other in (dict(call, fn_index=2), dict(call, fn_index=True), [call]):
        body = json.dumps(other).encode()
        assert post(guard, '/gradio_api/queue/join', body) in (400, 422)
    assert len(seen) == 2


def test_what_the_application_stumbles_over_is_answered(caplog):
    async def app(scope, receive, send):
        if started:
            await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        raise RuntimeError('secret')

    for started in (False, True):
        sent = []

        async def send(message, sent=sent):
            sent.append(message)

        async def receive():
            return {'type': 'http.disconnect'}

        scope = {'type': 'http', 'path': '/config', 'headers': []}
        asyncio.run(guarded(app)(scope, receive, send))
        assert sent[0]['status'] == (200 if started else 500)
        assert not sent[-1].get('more_body') and b'secret' not in sent[-1]['body']
    assert len(caplog.records) == 2
    assert all(record.exc_info is None for record in caplog.records)
