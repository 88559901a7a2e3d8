"""What the page's server does not do, whatever a client asks for."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..datasets.annotation import MERDataError
from ..inference import Limits, Source

#: What is read of an upload.
LIMITS = Limits(size=64 << 20, side=4096, frames=6000, seconds=20.0)
#: Bytes of the frames that a reading may hold at once; larger ones are made smaller.
HELD = 1 << 30
#: Highest frame rate.
MOST_FPS = 1000.0
#: Seconds that reading may take.
PATIENCE = 120.0

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


class Guard:
    """Lets through what the page needs, and tells the browser to stay here.

    Args:
        app: The ASGI application behind.
        hosts: Names by which the server may be called; all if None. A page of another
            site can make a browser call this machine by a name of its own.
    """

    def __init__(self, app: Any, hosts: Sequence[str] | None = None) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        if scope['type'] != 'http' or not self._wanted(scope):
            await _refuse(scope, send)
            return

        async def send_guarded(message: dict) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message['headers'], *_HEADERS]
            await send(message)

        await self.app(scope, receive, send_guarded)

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
        if '..' in path:
            return False
        return path in (*PAGES, *CALLS) or path.startswith(FOLDERS)


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


def refuse_foreign_files(value: Any, folder: str | Path) -> None:
    """See that files which a client names are its uploads, not paths or addresses.

    Args:
        value: What the client sent, as read from JSON.
        folder: Where uploads are kept.

    Raises:
        MERDataError: A file is named that lies elsewhere, or is none.
    """
    if isinstance(value, dict):
        path = value.get('path')
        if path is not None and not _is_upload(str(path), folder):
            raise MERDataError('a file was named that nobody has sent here')
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for one in inner:
            refuse_foreign_files(one, folder)


def _is_upload(path: str, folder: str | Path) -> bool:
    """Tell a file that was sent: it lies in a folder of its own, in that of uploads."""
    try:
        file = Path(path).resolve(strict=True)
        return file.is_file() and file.parent.parent == Path(folder).resolve()
    except (OSError, ValueError):
        return False


class Bounded(Source):
    """A source that asks for no more memory and time than a page has.

    Args:
        source: Frames of something that somebody sent.

    Raises:
        MERDataError: Its frame rate is higher than any camera's that is meant here.
    """

    def __init__(self, source: Source) -> None:
        if source.fps > MOST_FPS:
            raise MERDataError(
                f'{source.name}: {source.fps:g} frames a second; up to '
                f'{MOST_FPS:g} are read here'
            )
        self.source = source
        self.name, self.fps = source.name, source.fps
        self.count, self.limits = source.count, source.limits

    def _frames(self) -> Iterator[np.ndarray]:
        begun = time.monotonic()
        for frame in self.source.frames():
            if time.monotonic() - begun > PATIENCE:
                raise MERDataError(
                    f'{self.name}: reading takes longer than {PATIENCE:g} seconds; '
                    f'give a shorter or a smaller video'
                )
            yield _smaller(frame, HELD / (self.fps + 2))


def _smaller(frame: np.ndarray, most: float) -> np.ndarray:
    """Shrink a frame to so many bytes; one that has fewer stays as it is."""
    if frame.nbytes <= most:
        return frame
    scale = (most / frame.nbytes) ** 0.5
    height, width = frame.shape[:2]
    size = max(16, int(width * scale)), max(16, int(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
