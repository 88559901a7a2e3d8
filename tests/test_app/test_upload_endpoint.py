"""Clips that arrive, whole and otherwise."""

import asyncio
import json
from pathlib import Path

import pytest

from mmaction_mer.app import receiving
from mmaction_mer.app.request_body import ClientDisconnectedError, RequestError
from mmaction_mer.app.upload_endpoint import UploadEndpoint
from mmaction_mer.app.uploads import Uploads


def deliver(receiver, visitor, messages, send=None):
    """Send a body in pieces; what is answered."""
    kind = f'multipart/form-data; boundary={visitor.BOUNDARY.decode()}'
    scope = {'headers': [(b'content-type', kind.encode())], 'query_string': b''}
    messages, sent = list(messages), []

    async def receive():
        if messages:
            body = messages.pop(0)
            return {'type': 'http.request', 'body': body, 'more_body': bool(messages)}
        return {'type': 'http.disconnect'}

    async def keep(message):
        sent.append(message)

    asyncio.run(receiver.take(scope, receive, keep))
    return Path(json.loads(sent[1]['body'])[0])


def files(folder):
    return [path for path in folder.rglob('*') if path.is_file()]


@pytest.mark.parametrize('step', [1, 7, 100, 10_000])
def test_a_file_arrives_in_pieces_of_any_size(tmp_path, visitor, step):
    content = b'\r\n--' + visitor.BOUNDARY[:-1] + bytes(range(256)) + b'\r\n--'
    body = visitor.form([('my clip.mp4', content)])
    receiver = UploadEndpoint(Uploads(tmp_path), 1000)
    path = deliver(
        receiver, visitor, [body[n : n + step] for n in range(0, len(body), step)]
    )
    assert path.read_bytes() == content and path.name == 'my clip.mp4'


def test_the_same_file_twice_is_two_files(tmp_path, visitor):
    receiver = UploadEndpoint(Uploads(tmp_path), 1000)
    body = visitor.form([('a.mp4', b'same')])
    first, second = (deliver(receiver, visitor, [body]) for _ in range(2))
    assert first.parent != second.parent
    with receiver.uploads.open(first):
        pass
    assert files(tmp_path) == [second]


@pytest.mark.parametrize('body', ['half', 'large', 'many', 'other', 'late'])
def test_what_is_not_one_whole_clip_leaves_nothing(tmp_path, visitor, body):
    receiver = UploadEndpoint(Uploads(tmp_path), 1000, patience=60.0)
    whole = visitor.form([('a.mp4', b'x' * 900)])
    given, error, status = {
        'half': ([whole[:500]], RequestError, 400),
        'large': ([visitor.form([('a.mp4', b'x' * 1001)])], RequestError, 413),
        'many': ([visitor.form([('a.mp4', b'x'), ('b.mp4', b'y')])], RequestError, 413),
        'other': ([whole.replace(b'files', b'fields')], RequestError, 400),
        'late': ([whole[:500], whole[500:]], RequestError, 408),
    }[body]
    if body == 'late':
        receiver.patience = 0.0
    with pytest.raises(error) as raised:
        deliver(receiver, visitor, given)
    assert raised.value.status == status
    assert list(tmp_path.iterdir()) == []


def test_whoever_breaks_off_leaves_nothing(tmp_path, visitor):
    receiver = UploadEndpoint(Uploads(tmp_path), 1000)
    seen = []

    async def run():
        come = [visitor.form([('a.mp4', b'x' * 900)])[:500], None]

        async def receive():
            body = come.pop(0)
            if body is None:
                seen.extend(files(tmp_path))
                return {'type': 'http.disconnect'}
            return {'type': 'http.request', 'body': body, 'more_body': True}

        kind = f'multipart/form-data; boundary={visitor.BOUNDARY.decode()}'
        scope = {'headers': [(b'content-type', kind.encode())]}
        await receiver.take(scope, receive, None)

    with pytest.raises(ClientDisconnectedError):
        asyncio.run(run())
    assert len(seen) == 1 and list(tmp_path.iterdir()) == []


def test_many_may_arrive_at_once_but_not_any_number(tmp_path, visitor, monkeypatch):
    monkeypatch.setattr(receiving, 'AT_ONCE', 0)
    receiver = UploadEndpoint(Uploads(tmp_path), 1000)
    with pytest.raises(RequestError) as raised:
        deliver(receiver, visitor, [visitor.form([('a.mp4', b'x')])])
    assert raised.value.status == 503
    monkeypatch.setattr(receiving, 'AT_ONCE', 1)
    for _ in range(3):  # each gives its place back
        deliver(receiver, visitor, [visitor.form([('a.mp4', b'x')])])


def test_a_full_page_says_so(tmp_path, visitor):
    receiver = UploadEndpoint(Uploads(tmp_path, total=1500), 1000)
    body = visitor.form([('a.mp4', b'x' * 900)])
    kept = deliver(receiver, visitor, [body])
    with pytest.raises(RequestError) as raised:
        deliver(receiver, visitor, [body])
    assert raised.value.status == 507
    assert files(tmp_path) == [kept]  # nobody loses theirs
