"""What the page's server does not do, whatever a client asks for."""

import json
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from .bodies import GoneError, RefusedError, answer_refused, declared, query, whole_body
from .calls import MOST, files_of, is_name, read_call

if TYPE_CHECKING:
    from .receiving import Receiver

#: All that a browser asks of the server. Gradio has more: an interface for programs,
#: a proxy, files by their path, a monitor.
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
#: Where clips are sent, and what takes JSON.
UPLOAD = '/gradio_api/upload'
POSTS = tuple(f'/gradio_api/{name}' for name in ('queue/join', 'cancel', 'reset'))
#: A browser loads nothing from elsewhere, and puts the page into no other page.
POLICY = '; '.join((
    "default-src 'self'",
    # The page's own code is compiled from templates.
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
    """Lets through what the page needs, and tells the browser to stay here.

    Args:
        app: The ASGI application behind.
        hosts: Names by which the server may be called; all if None. A page of another
            site can make a browser call this machine by a name of its own.
        receiver: Takes clips.
        handlers: Numbers of what may be called.
    """

    def __init__(
        self,
        app: Any,
        hosts: Sequence[str] | None,
        receiver: 'Receiver',
        handlers: Collection[int],
    ) -> None:
        self.app = app
        self.hosts = hosts
        self.receiver, self.handlers = receiver, handlers

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        if scope['type'] != 'http' or not self._wanted(scope):
            await _refuse(scope, send)
            return
        answer = _Answer(send)
        try:
            await self._serve(scope, receive, answer)
        except GoneError:
            pass
        except RefusedError as refused:
            if not answer.status:
                await answer_refused(receive, answer, refused)
        except Exception as error:
            # Gradio's, over what a client asked for. Its traceback tells nothing of
            # this program, and whoever likes could fill the log with it.
            logging.getLogger(__name__).warning(
                '%s: not answered (%s)', scope['path'], type(error).__name__
            )
            if not answer.status:
                failed = RefusedError(500, 'the page could not answer')
                await answer_refused(receive, answer, failed)
            await answer.end()

    async def _serve(self, scope: dict, receive: Any, answer: '_Answer') -> None:
        path, method = scope['path'], scope.get('method', 'GET')
        if method not in ('GET', 'HEAD', 'POST'):
            raise RefusedError(405, 'the page is read and called, nothing else')
        if path == UPLOAD and method == 'POST':
            await self.receiver.take(scope, receive, answer)
            return
        if method != 'POST':
            if declared(scope) != 0:
                raise RefusedError(413, 'a question has no body')
            if path == f'{UPLOAD}_progress':
                await self.receiver.tell(scope, answer)
                return
            if path.endswith('/queue/data') and not is_name(
                query(scope, 'session_hash')
            ):
                raise RefusedError(422, 'session_hash is no name of a session')
            await self.app(scope, receive, answer)
            return
        if path not in POSTS:
            raise RefusedError(405, 'nothing is sent here')
        call = read_call(path, await whole_body(scope, receive, MOST), self.handlers)
        uploads = self.receiver.uploads
        named = files_of(call.get('data', []))
        # Before it waits for its turn, which may take longer than a clip is kept.
        uploads.expect(named)
        try:
            await self.app(*_replay(scope, json.dumps(call).encode(), receive), answer)
        finally:
            if answer.status != 200:
                uploads.settle(named)

    def _wanted(self, scope: dict) -> bool:
        path = scope['path']
        headers = dict(scope['headers'])
        host = headers.get(b'host', b'').decode('latin-1')
        if self.hosts is not None and _without_port(host) not in self.hosts:
            return False
        # Another site's page may send here, too; then its browser says which.
        origin = headers.get(b'origin', b'').decode('latin-1')
        if origin and origin.partition('://')[2] != host:
            return False
        if '..' in path or len(path) > 200 or not path.isprintable():
            return False
        return path in (*PAGES, *CALLS) or path.startswith(FOLDERS)


class _Answer:
    """Sends what was answered, with headers that keep the browser here."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self.status, self._whole = 0, False

    async def __call__(self, message: dict) -> None:
        if message['type'] == 'http.response.start':
            self.status = message['status']
            message['headers'] = [*message['headers'], *_HEADERS]
        elif not message.get('more_body', False):
            self._whole = True
        await self._send(message)

    async def end(self) -> None:
        """End an answer that was broken off."""
        if not self._whole:
            await self({'type': 'http.response.body', 'body': b''})


def _replay(scope: dict, body: bytes, receive: Any) -> tuple[dict, Any]:
    """Put another body in the place of one that was received."""
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
    """Take the port off, of ``[::1]:80`` too."""
    name, colon, port = host.rpartition(':')
    return name if colon and port.isdigit() else host


async def _refuse(scope: dict, send: Any) -> None:
    if scope['type'] != 'http':
        await send({'type': 'websocket.close', 'code': 1008})
        return
    start = {'type': 'http.response.start', 'status': 404, 'headers': [*_HEADERS]}
    await send(start)
    await send({'type': 'http.response.body', 'body': b'not part of this page\n'})
