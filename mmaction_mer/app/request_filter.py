"""ASGI middleware that passes only what the page needs, and validates it."""

import json
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from .api_calls import MAX_BYTES, file_paths, is_name, parse_call
from .request_body import (
    ClientDisconnectedError,
    RequestError,
    content_length,
    query_field,
    receive_chunks,
    send_error,
)

if TYPE_CHECKING:
    from .upload_endpoint import UploadEndpoint

#: Everything that a browser requests. Gradio has more: an interface for programs, a
#: proxy, files by their path, a monitor.
PAGES = ('/', '/config', '/theme.css', '/favicon.ico', '/robots.txt', '/manifest.json')
FOLDERS = ('/assets/', '/static/', '/svelte/', '/gradio_api/heartbeat/')
CALLS = tuple(
    f'/gradio_api/{name}'
    for name in (
        'queue/join',
        'queue/data',
        'upload',
        'upload_progress',
        'startup-events',
        'cancel',
        'reset',
        'theme.css',
    )
)
#: Path of uploads, and paths that accept JSON.
UPLOAD = '/gradio_api/upload'
JSON_CALLS = tuple(f'/gradio_api/{name}' for name in ('queue/join', 'cancel', 'reset'))
#: The browser loads nothing from other sites and embeds the page in no other page.
POLICY = '; '.join((
    "default-src 'self'",
    # Gradio compiles its code from templates in the browser.
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
    "frame-ancestors 'none'",
))  # fmt: skip
_HEADERS = (
    (b'content-security-policy', POLICY.encode()),
    (b'referrer-policy', b'no-referrer'),
    (b'x-content-type-options', b'nosniff'),
)


class RequestFilter:
    """Pass the requests that the page needs, and add security headers to the answers.

    Args:
        app: The ASGI application behind.
        hosts: Host names that are answered; all if None. A page of another site can
            make a browser send requests here under a host name of its own.
        uploads: Receives clips.
        handlers: Indices of the handlers that may be called.
    """

    def __init__(
        self,
        app: Any,
        hosts: Sequence[str] | None,
        uploads: 'UploadEndpoint',
        handlers: Collection[int],
    ) -> None:
        self.app = app
        self.hosts = hosts
        self.uploads, self.handlers = uploads, handlers

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        if scope['type'] != 'http' or not self._is_allowed(scope):
            await _send_not_found(scope, send)
            return
        answer = _Answer(send)
        try:
            await self._serve(scope, receive, answer)
        except ClientDisconnectedError:
            pass
        except RequestError as error:
            if not answer.status:
                await send_error(receive, answer, error)
        except Exception as error:
            # An error of Gradio caused by the request. Without its traceback, which has
            # nothing of this program and would let clients fill the log.
            logging.getLogger(__name__).warning(
                '%s: not answered (%s)', scope['path'], type(error).__name__
            )
            if not answer.status:
                failed = RequestError(500, 'the page could not answer')
                await send_error(receive, answer, failed)
            await answer.end()

    async def _serve(self, scope: dict, receive: Any, answer: '_Answer') -> None:
        path, method = scope['path'], scope.get('method', 'GET')
        if method not in ('GET', 'HEAD', 'POST'):
            raise RequestError(405, 'this method is not allowed')
        if path == UPLOAD and method == 'POST':
            await self.uploads.receive(scope, receive, answer)
            return
        if method != 'POST':
            if content_length(scope) != 0:
                raise RequestError(413, 'this request may not have a body')
            if path == f'{UPLOAD}_progress':
                await self.uploads.report_progress(scope, answer)
                return
            if path.endswith('/queue/data') and not is_name(
                query_field(scope, 'session_hash')
            ):
                raise RequestError(422, 'session_hash is not the name of a session')
            await self.app(scope, receive, answer)
            return
        if path not in JSON_CALLS:
            raise RequestError(405, 'this path does not accept POST')
        body = [chunk async for chunk in receive_chunks(scope, receive, MAX_BYTES)]
        call = parse_call(path, b''.join(body), self.handlers)
        storage = self.uploads.uploads
        paths = file_paths(call.get('data', []))
        # Before waiting in the queue, which may take longer than a clip is kept.
        storage.reserve(paths)
        try:
            await self.app(*_replay(scope, json.dumps(call).encode(), receive), answer)
        finally:
            if answer.status != 200:
                storage.release(paths)

    def _is_allowed(self, scope: dict) -> bool:
        path = scope['path']
        headers = dict(scope['headers'])
        host = headers.get(b'host', b'').decode('latin-1')
        if self.hosts is not None and _without_port(host) not in self.hosts:
            return False
        # A page of another site may send requests, too; the browser names it.
        origin = headers.get(b'origin', b'').decode('latin-1')
        if origin and origin.partition('://')[2] != host:
            return False
        if '..' in path or len(path) > 200 or not path.isprintable():
            return False
        return path in (*PAGES, *CALLS) or path.startswith(FOLDERS)


class _Answer:
    """Sends an answer with the security headers, and records its status."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self.status, self._complete = 0, False

    async def __call__(self, message: dict) -> None:
        if message['type'] == 'http.response.start':
            self.status = message['status']
            message['headers'] = [*message['headers'], *_HEADERS]
        elif not message.get('more_body', False):
            self._complete = True
        await self._send(message)

    async def end(self) -> None:
        """End an answer that was interrupted."""
        if not self._complete:
            await self({'type': 'http.response.body', 'body': b''})


def _replay(scope: dict, body: bytes, receive: Any) -> tuple[dict, Any]:
    """Replace the body of a request that was already received."""
    headers = [
        (name, value)
        for name, value in scope['headers']
        if name not in (b'content-length', b'content-type', b'transfer-encoding')
    ]
    headers += [
        (b'content-type', b'application/json'),
        (b'content-length', str(len(body)).encode()),
    ]
    first = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def receive_again() -> dict:
        return first.pop() if first else await receive()

    return {**scope, 'headers': headers}, receive_again


def _without_port(host: str) -> str:
    """Remove the port from a host, also from ``[::1]:80``."""
    name, colon, port = host.rpartition(':')
    return name if colon and port.isdigit() else host


async def _send_not_found(scope: dict, send: Any) -> None:
    if scope['type'] != 'http':
        await send({'type': 'websocket.close', 'code': 1008})
        return
    start = {'type': 'http.response.start', 'status': 404, 'headers': [*_HEADERS]}
    await send(start)
    await send({'type': 'http.response.body', 'body': b'not part of this page\n'})
