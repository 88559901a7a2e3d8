"""Receive the bodies of requests within limits of size and time, and send answers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

#: Seconds of silence after which a request is rejected, and the lowest rate in bytes
#: per second: a client that sends one byte now and then may not occupy a place forever.
PATIENCE, MIN_RATE = 30.0, 32 << 10
# Bytes and seconds that are still received of a rejected body: a client that sends
# everything before it listens would otherwise not get the answer.
_DRAIN_BYTES, _DRAIN_SECONDS = 320 << 20, 30.0


class RequestError(Exception):
    """A request is rejected.

    Args:
        status: Status code of the answer.
        text: Message for the client.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class ClientDisconnectedError(Exception):
    """The client has disconnected before its request was complete."""


def content_length(scope: dict) -> int | None:
    """Return the declared length of a body in bytes; None if it is not declared.

    Raises:
        RequestError: The declared length is not a number.
    """
    headers = dict(scope['headers'])
    if b'content-length' in headers:
        length = headers[b'content-length']
        if not length.isdigit() or len(length) > 18:
            raise RequestError(400, 'the length of the request is not a number')
        return int(length)
    return None if b'transfer-encoding' in headers else 0


def query_field(scope: dict, name: str) -> str:
    """Return a field of the query string; empty if there is none."""
    try:
        fields = parse_qs(scope.get('query_string', b'').decode('latin-1'))
    except ValueError:  # too many fields
        return ''
    return fields.get(name, [''])[0][:100]


async def receive_chunks(
    scope: dict,
    receive: Any,
    limit: int,
    patience: float = PATIENCE,
    min_rate: float = MIN_RATE,
) -> AsyncIterator[bytes]:
    """Receive a body of limited size at a minimal rate.

    Args:
        scope: The request.
        receive: Its ASGI channel.
        limit: Largest size in bytes.
        patience: Seconds that it may be silent, or behind the minimal rate.
        min_rate: Bytes per second.

    Yields:
        The bytes as they arrive.

    Raises:
        RequestError: The body is too long or too slow.
        ClientDisconnectedError: The client has disconnected.
    """
    too_long = RequestError(413, f'a request may have up to {limit:,} bytes')
    if (content_length(scope) or 0) > limit:
        raise too_long
    started, received, more = time.monotonic(), 0, True
    while more:
        left = started + patience + received / min_rate - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(left, patience)))
        except TimeoutError:
            raise RequestError(408, 'the request was too slow') from None
        if message['type'] == 'http.disconnect':
            raise ClientDisconnectedError
        body, more = message.get('body', b''), message.get('more_body', False)
        received += len(body)
        if received > limit:
            raise too_long
        if body:
            yield body


async def send_json(
    send: Any, status: int, value: Any, headers: tuple = (), more: bool = False
) -> None:
    """Send JSON.

    Args:
        send: The ASGI channel.
        status: Status code.
        value: Value that can be written as JSON.
        headers: More headers. Defaults to none.
        more: Leave the answer open. Defaults to False.
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


async def send_error(receive: Any, send: Any, error: RequestError) -> None:
    """Send the message of a rejected request, and close its connection."""
    value = {'error': error.text, 'detail': error.text}
    close = ((b'connection', b'close'),)
    await send_json(send, error.status, value, close, more=True)
    # A connection that is closed with unread bytes is reset, and the answer is lost.
    drained, end = 0, time.monotonic() + _DRAIN_SECONDS
    while drained < _DRAIN_BYTES and error.status != 408:
        try:
            left = max(0.0, end - time.monotonic())
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            break
        drained += len(message.get('body', b''))
        if message['type'] == 'http.disconnect' or not message.get('more_body'):
            break
    await send({'type': 'http.response.body', 'body': b''})
