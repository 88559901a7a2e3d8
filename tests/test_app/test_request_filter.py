"""What the page's server does not do."""

import asyncio
import json

import pytest

from mmaction_mer.app.request_filter import RequestFilter
from mmaction_mer.app.upload_endpoint import UploadEndpoint
from mmaction_mer.app.uploads import Uploads


@pytest.fixture
def build(tmp_path):
    """Build a filter before an application."""

    def build(app, hosts=None, handlers=()):
        endpoint = UploadEndpoint(Uploads(tmp_path), 10)
        return RequestFilter(app, hosts, endpoint, handlers)

    return build


def request(guard, path, body=None, kind='http', **headers):
    """Send a request; return the messages of the answer."""
    sent, pending = [], [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def send(message):
        sent.append(message)

    async def receive():
        return pending.pop() if body and pending else {'type': 'http.disconnect'}

    scope = {'type': kind, 'path': path, 'method': 'GET' if body is None else 'POST'}
    scope['method'] = headers.pop('method', scope['method'])
    headers = {'host': '127.0.0.1:7860', **headers}
    scope['headers'] = [
        (name.encode(), text.encode()) for name, text in headers.items()
    ]
    if body is not None:
        scope['headers'].append((b'content-length', str(len(body)).encode()))
    asyncio.run(guard(scope, receive, send))
    return sent


async def app(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'', 'more_body': False})


@pytest.mark.parametrize('path', ['/', '/config', '/assets/a.js', '/theme.css',
    '/gradio_api/queue/join', '/gradio_api/upload'])  # fmt: skip
def test_what_the_page_needs_is_passed_with_a_policy(build, path):
    start, *_ = request(build(app), path)
    policy = dict(start['headers'])[b'content-security-policy'].decode()
    assert start['status'] == 200
    assert "default-src 'self'" in policy and 'http' not in policy


@pytest.mark.parametrize('path', ['/gradio_api/file=/etc/hostname', '/docs',
    '/gradio_api/proxy=http://example.org/', '/gradio_api/info', '/gradio_api/run/read',
    '/gradio_api/call/read', '/monitoring', '/gradio_api/vibe-edit/', '/static/../a',
    '/gradio_api/openapi.json', '/assetsx', '/gradio_api/stream/a/b/c/playlist.m3u8',
])  # fmt: skip
def test_everything_else_is_not_found(build, path):
    start, *_ = request(build(None), path)
    assert start['status'] == 404
    assert b'content-security-policy' in dict(start['headers'])


@pytest.mark.parametrize(
    ('status', 'hosts', 'headers'),
    [
        (404, ['127.0.0.1'], dict(host='evil.example')),
        (404, ['127.0.0.1'], dict(host='evil.example:7860')),
        (404, ['127.0.0.1'], dict(host='')),
        (200, ['127.0.0.1'], dict(host='127.0.0.1')),
        (200, ['[::1]'], dict(host='[::1]:80')),
        (200, None, dict(host='my.lab:80')),
        (200, ['127.0.0.1'], dict(origin='http://127.0.0.1:7860')),
        (404, ['127.0.0.1'], dict(origin='http://evil.example')),
        (404, ['127.0.0.1'], dict(origin='http://127.0.0.1:80')),
        (404, ['127.0.0.1'], dict(origin='null')),
    ],
)
def test_hosts_and_origins(build, status, hosts, headers):
    start, *_ = request(build(app, hosts), '/', **headers)
    assert start['status'] == status


def test_methods_and_sockets(build):
    for method in ('PUT', 'DELETE', 'OPTIONS', 'TRACE', 'POST'):
        start, *_ = request(build(None), '/config', method=method)
        assert start['status'] == 405
    (close,) = request(build(None), '/', kind='websocket')
    assert close['type'] == 'websocket.close'


def test_only_the_needed_fields_of_a_call_are_passed(build):
    seen = []

    async def app(scope, receive, send):
        seen.append((dict(scope['headers']), json.loads((await receive())['body'])))
        status = 200 if len(seen) == 1 else 503
        await send({'type': 'http.response.start', 'status': status, 'headers': []})
        await send({'type': 'http.response.body', 'body': b''})

    guard = build(app, handlers={3})
    uploads = guard.uploads.uploads
    upload = uploads.begin('a.mp4')
    path = str(uploads.finish(upload))
    call = dict(data=[{'path': path}, 1], fn_index=3, session_hash='a')

    def post(value):
        body = json.dumps(value).encode()
        return request(guard, '/gradio_api/queue/join', body)[0]['status']

    more = dict(call, event_data={'a': 1}, trigger_id=7, batched=True, event_id='x')
    assert post(more) == 200
    headers, body = seen[0]
    assert body == call and headers[b'content-length'] != b'0'
    # The clip is reserved, but not for a call that the queue rejected.
    assert upload.waiting == 1
    assert post(call) == 503
    assert upload.waiting == 1
    for other in (dict(call, fn_index=2), dict(call, fn_index=True), [call]):
        assert post(other) in (400, 422)
    assert len(seen) == 2


@pytest.mark.parametrize('started', [False, True])
def test_an_error_of_the_application_is_answered(build, caplog, started):
    async def failing(scope, receive, send):
        if started:
            await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        raise RuntimeError('secret')

    start, *_, end = request(build(failing), '/config')
    assert start['status'] == (200 if started else 500)
    assert not end.get('more_body') and b'secret' not in end['body']
    (record,) = caplog.records
    assert record.exc_info is None
