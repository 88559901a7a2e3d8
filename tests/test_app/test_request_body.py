"""Bodies of requests: limits on their length and their rate."""

import asyncio

import pytest

from mmaction_mer.app import request_body
from mmaction_mer.app.request_body import (
    ClientDisconnectedError,
    RequestError,
    content_length,
    receive_chunks,
    send_error,
)


def receive_all(messages, headers=(), **options):
    """Receive a body of the given messages, after which nothing comes."""
    messages = list(messages)

    async def receive():
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()

    async def run():
        scope = {'headers': list(headers)}
        return [one async for one in receive_chunks(scope, receive, **options)]

    return asyncio.run(run())


def part(body, more=True):
    return {'type': 'http.request', 'body': body, 'more_body': more}


def test_a_body_is_received_as_it_comes():
    messages = [part(b'ab'), part(b''), part(b'c', False)]
    assert receive_all(messages, limit=3) == [b'ab', b'c']
    with pytest.raises(ClientDisconnectedError):
        receive_all([part(b'a'), {'type': 'http.disconnect'}], limit=3)


@pytest.mark.parametrize(
    ('status', 'body', 'options'),
    [
        (413, b'', dict(headers=[(b'content-length', b'4')])),
        (413, b'abcd', {}),
        (408, b'a', dict(patience=0.05)),
        (408, b'a', dict(patience=0.0, min_rate=1e9)),
        (408, b'abc', dict(patience=0.2, min_rate=1e-9)),  # fast, then silent
    ],
)
def test_a_body_that_is_too_long_or_too_slow_is_rejected(status, body, options):
    with pytest.raises(RequestError) as error:
        receive_all([part(body)], **{'limit': 3, **options})
    assert error.value.status == status


def test_more_bytes_may_take_more_time(monkeypatch):
    class Clock:
        @staticmethod
        def monotonic():
            return now.pop(0)

    monkeypatch.setattr(request_body, 'time', Clock)
    given = [part(b'abc'), part(b'', False)]
    now = [0.0, 1.0, 100.0]
    assert receive_all(given, limit=9, patience=60.0, min_rate=0.05) == [b'abc']
    now = [0.0, 1.0, 100.0]
    with pytest.raises(RequestError):
        receive_all(given, limit=9, patience=60.0, min_rate=1.0)


@pytest.mark.parametrize('length', [b'-1', b'x', b'', b'9' * 50, '²'.encode('latin-1')])
def test_a_length_is_a_number(length):
    with pytest.raises(RequestError):
        content_length({'headers': [(b'content-length', length)]})


def test_a_client_that_sends_all_before_it_listens_gets_its_answer():
    sent, pending = [], [part(b'x' * 100)] * 5 + [part(b'', False)]

    async def send(message):
        sent.append((message, len(pending)))

    async def receive():
        return pending.pop(0)

    asyncio.run(send_error(receive, send, RequestError(413, 'too long')))
    assert sent[0][0]['status'] == 413 and b'too long' in sent[1][0]['body']
    # The answer ends after everything has been received.
    assert sent[1][0]['more_body'] and sent[-1][1] == 0
