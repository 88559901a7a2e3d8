"""Bodies of requests: how long they may be, how slow, and what is answered else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

#: Seconds of silence after which a body is given up, and the bytes a second that it
#: must have: whoever sends a byte now and again holds no place for ever.
PATIENCE, PACE = 30.0, 32 << 10
#: Bytes and seconds of a body that is read on after it was refused: a client that
#: sends all before it listens would else never see the answer.
_DRAINED, _DRAINING = 320 << 20, 30.0


class RefusedError(Exception):
    """A request that is not served.

    Args:
        status: Code of the answer.
        text: What the client is told.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class GoneError(Exception):
    """The client has gone before its request was whole."""


def declared(scope: dict) -> int | None:
    """Bytes that a request says its body has; None where it does not say.

    Raises:
        RefusedError: What it says is no number.
    """
    headers = dict(scope['headers'])
    if b'content-length' in headers:
        length = headers[b'content-length']
        if not length.isdigit() or len(length) > 18:
            raise RefusedError(400, 'the length of the request is no number')
        return int(length)
    return None if b'transfer-encoding' in headers else 0


def query(scope: dict, name: str) -> str:
    """Read a field of a request's address; nothing where it has none."""
    try:
        found = parse_qs(scope.get('query_string', b'').decode('latin-1'))
    except ValueError:  # too many fields
        return ''
    return found.get(name, [''])[0][:100]


async def chunks(
    scope: dict,
    receive: Any,
    most: int,
    patience: float = PATIENCE,
    pace: float = PACE,
) -> AsyncIterator[bytes]:
    """Receive a body of bounded size, which may not trickle.

    Args:
        scope: The request.
        receive: Its ASGI channel.
        most: Bytes that it may have.
        patience: Seconds that it may be behind its pace, or be silent.
        pace: Bytes a second.

    Yields:
        The bytes, as they come.

    Raises:
        RefusedError: It is too long or too slow.
        GoneError: The client has broken off.
    """
    too_long = RefusedError(413, f'a request may have up to {most:,} bytes')
    if (declared(scope) or 0) > most:
        raise too_long
    begun, received, more = time.monotonic(), 0, True
    while more:
        left = begun + patience + received / pace - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(left, patience)))
        except TimeoutError:
            raise RefusedError(408, 'the request came too slowly') from None
        if message['type'] == 'http.disconnect':
            raise GoneError
        body, more = message.get('body', b''), message.get('more_body', False)
        received += len(body)
        if received > most:
            raise too_long
        if body:
            yield body


async def whole_body(scope: dict, receive: Any, most: int) -> bytes:
    """Receive a short body; see :func:`chunks`."""
    return b''.join([chunk async for chunk in chunks(scope, receive, most)])


async def answer(
    send: Any, status: int, value: Any, headers: tuple = (), more: bool = False
) -> None:
    """Send JSON.

    Args:
        send: The ASGI channel.
        status: Code.
        value: What JSON can hold.
        headers: More of them.
        more: The answer is whole, but its end is told later.
    """
    body = json.dumps(value).encode()
    start = {
        'type': 'http.response.start',
        'status': status,
        'headers': [
            (b'content-type', b'application/json'),
            (b'content-length', str(len(body)).encode()),
            *headers,
        ],
    }
    await send(start)
    await send({'type': 'http.response.body', 'body': body, 'more_body': more})


async def answer_refused(receive: Any, send: Any, refused: RefusedError) -> None:
    """Say why a request is not served, and close its connection."""
    value = {'error': refused.text, 'detail': refused.text}
    await answer(send, refused.status, value, ((b'connection', b'close'),), more=True)
    # A connection that is closed with bytes unread is reset, and the answer lost.
    drained, end = 0, time.monotonic() + _DRAINING
    while drained < _DRAINED and refused.status != 408:
        try:
            left = max(0.0, end - time.monotonic())
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            break
        drained += len(message.get('body', b''))
        if message['type'] == 'http.disconnect' or not message.get('more_body'):
            break
    await send({'type': 'http.response.body', 'body': b''})
