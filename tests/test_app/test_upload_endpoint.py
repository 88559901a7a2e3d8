"""Uploads: complete ones, and others."""

import asyncio
import json
from pathlib import Path

import pytest
from page_visitor import BOUNDARY, form

from mmaction_mer.app import upload_endpoint
from mmaction_mer.app.request_body import ClientDisconnectedError, RequestError
from mmaction_mer.app.upload_endpoint import UploadEndpoint
from mmaction_mer.app.uploads import Uploads


def upload(endpoint, messages, complete=True):
    """Send a body in pieces; return the path in the answer."""
    kind = f'multipart/form-data; boundary={BOUNDARY.decode()}'
    scope = {'headers': [(b'content-type', kind.encode())], 'query_string': b''}
    messages, sent = list(messages), []

    async def receive():
        if messages:
            body = messages.pop(0)
            more = bool(messages) or not complete
            return {'type': 'http.request', 'body': body, 'more_body': more}
        return {'type': 'http.disconnect'}

    async def send(message):
        sent.append(message)

    asyncio.run(endpoint.receive(scope, receive, send))
    return Path(json.loads(sent[1]['body'])[0])


def files(folder):
    return [path for path in folder.rglob('*') if path.is_file()]


@pytest.fixture
def endpoint(tmp_path):
    return UploadEndpoint(Uploads(tmp_path), 1000)


@pytest.mark.parametrize('step', [1, 7, 100, 10_000])
def test_a_file_arrives_in_pieces_of_any_size(endpoint, step):
    content = b'\r\n--' + BOUNDARY[:-1] + bytes(range(256)) + b'\r\n--'
    body = form([('my clip.mp4', content)])
    path = upload(endpoint, [body[n : n + step] for n in range(0, len(body), step)])
    assert path.read_bytes() == content and path.name == 'my clip.mp4'


def test_equal_content_is_stored_twice(endpoint, tmp_path):
    body = form([('a.mp4', b'same')])
    first, second = (upload(endpoint, [body]) for _ in range(2))
    assert first.parent != second.parent
    with endpoint.uploads.open(first):
        pass
    assert files(tmp_path) == [second]


WHOLE = form([('a.mp4', b'x' * 900)])


@pytest.mark.parametrize(
    ('messages', 'status'),
    [
        ([WHOLE[:500]], 400),
        ([form([('a.mp4', b'x' * 1001)])], 413),
        ([form([('a.mp4', b'x'), ('b.mp4', b'y')])], 413),
        ([WHOLE.replace(b'files', b'fields')], 400),
        ([WHOLE[:500], WHOLE[500:]], 408),
    ],
)
def test_what_is_not_one_complete_clip_leaves_nothing(
    endpoint, tmp_path, messages, status
):
    endpoint.patience = 0.0 if status == 408 else 60.0
    with pytest.raises(RequestError) as error:
        upload(endpoint, messages)
    assert error.value.status == status
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_disconnects_leaves_nothing(endpoint, tmp_path, monkeypatch):
    sizes, write = [], endpoint.uploads.write
    monkeypatch.setattr(
        endpoint.uploads, 'write', lambda *args: write(*args) or sizes.append(args)
    )
    with pytest.raises(ClientDisconnectedError):
        upload(endpoint, [WHOLE[:500]], complete=False)
    assert sizes and list(tmp_path.iterdir()) == []


def test_the_number_of_concurrent_uploads_is_limited(endpoint, monkeypatch):
    body = form([('a.mp4', b'x')])
    monkeypatch.setattr(upload_endpoint, 'MAX_CONCURRENT', 0)
    with pytest.raises(RequestError) as error:
        upload(endpoint, [body])
    assert error.value.status == 503
    monkeypatch.setattr(upload_endpoint, 'MAX_CONCURRENT', 1)
    for _ in range(3):  # each is counted off when it ends
        upload(endpoint, [body])


def test_a_full_storage_is_reported(tmp_path):
    endpoint = UploadEndpoint(Uploads(tmp_path, total=1500), 1000)
    kept = upload(endpoint, [WHOLE])
    with pytest.raises(RequestError) as error:
        upload(endpoint, [WHOLE])
    assert error.value.status == 507
    assert files(tmp_path) == [kept]
