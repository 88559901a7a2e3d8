"""Bodies of requests: their length and their pace."""

import asyncio

import pytest

from mmaction_mer.app import bodies
from mmaction_mer.app.request_body import (
    ClientDisconnectedError,
    RequestError,
    send_error,
    chunks,
    declared,
)


def collect(messages, headers=(), **options):
    """What comes of a body whose messages are given; after the last it hangs."""
    messages = list(messages)

    async def receive():
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()

    async def run():
        scope = {'headers': list(headers)}
        return [one async for one in chunks(scope, receive, **options)]

    return asyncio.run(run()), messages


def part(body, more=True):
    return {'type': 'http.request', 'body': body, 'more_body': more}


def test_a_body_is_received_as_it_comes():
    assert collect([part(b'ab'), part(b''), part(b'c', False)], most=3)[0] == [
        b'ab', b'c'
    ]  # fmt: skip


def test_a_body_that_is_too_long_is_refused_when_it_says_so_or_shows_it():
    for headers, body in (([(b'content-length', b'4')], b''), ([], b'abcd')):
        with pytest.raises(RequestError) as raised:
            collect([part(body)], headers, most=3)
        assert raised.value.status == 413


@pytest.mark.parametrize('options', [dict(patience=0.05), dict(patience=0.0, pace=1e9)])
def test_a_body_that_trickles_is_refused(options):
    with pytest.raises(RequestError) as raised:
        collect([part(b'a')], most=3, **options)
    assert raised.value.status == 408


def test_more_bytes_have_more_time(monkeypatch):
    class Clock:
        @staticmethod
        def monotonic():
            return now.pop(0)

    monkeypatch.setattr(bodies, 'time', Clock)
    given = [part(b'abc'), part(b'', False)]
    now = [0.0, 1.0, 100.0]
    assert collect(given, most=9, patience=60.0, pace=0.05)[0] == [b'abc']
    now = [0.0, 1.0, 100.0]
    with pytest.raises(RequestError):
        collect(given, most=9, patience=60.0, pace=1.0)


def test_silence_is_not_paid_for_by_speed():
    with pytest.raises(RequestError) as raised:
        collect([part(b'abc')], most=9, patience=0.5, pace=1e-9)
    assert raised.value.status == 408


def test_what_is_broken_off_is_no_body():
    with pytest.raises(ClientDisconnectedError):
        collect([part(b'a'), {'type': 'http.disconnect'}], most=3)


@pytest.mark.parametrize('length', [b'-1', b'x', b'', b'9' * 50, '²'.encode('latin-1')])
def test_a_length_is_a_number(length):
    with pytest.raises(RequestError):
        declared({'headers': [(b'content-length', length)]})


def test_a_client_that_sends_all_before_it_listens_gets_its_answer():
    sent, come = [], [part(b'x' * 100)] * 5 + [part(b'', False)]

    async def send(message):
        sent.append((message, len(come)))

    async def receive():
        return come.pop(0)

    asyncio.run(send_error(receive, send, RequestError(413, 'too long')))
    assert sent[0][0]['status'] == 413 and b'too long' in sent[1][0]['body']
    # The end is told when all has been read.
    assert sent[1][0]['more_body'] and sent[-1][1] == 0
