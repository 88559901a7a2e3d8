"""The address that clips are sent to.

Gradio's own names a file by its content, so that visitors who send the same one share
it, keeps what was broken off, and bounds each file but not the request.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .bodies import PACE, PATIENCE, RefusedError, answer, chunks, query
from .uploads import NoRoomError, Upload, Uploads

#: Requests that may arrive at once.
AT_ONCE = 32
#: Bytes of a request besides the file, and of the headers of its parts.
_BESIDES, _HEADERS = 16 << 10, 8 << 10
#: Seconds between two words of how far a file has come, and until it must begin.
_TOLD, _UNTOLD = 0.1, 3.0


class Receiver:
    """Takes one clip in one request, and tells how far it has come.

    Args:
        uploads: Where clips are kept.
        size: Bytes that a clip may have.
        patience: See :func:`~.bodies.chunks`.
        pace: As there.
    """

    def __init__(
        self,
        uploads: Uploads,
        size: int,
        patience: float = PATIENCE,
        pace: float = PACE,
    ) -> None:
        self.uploads, self.size = uploads, size
        self.patience, self.pace = patience, pace
        self._arriving = 0
        self._named: dict[str, _Form] = {}

    async def take(self, scope: dict, receive: Any, send: Any) -> None:
        """Keep the clip of a request, and answer with its path, in a list.

        Whatever ends the request before that removes what has come of it.

        Raises:
            RefusedError: It is no clip, or there is no room for it.
            GoneError: The client has broken off.
        """
        with self._place():
            form = _Form(scope, self.uploads, self.size)
            number = query(scope, 'upload_id')
            if number:
                self._named[number] = form
            try:
                body = chunks(
                    scope, receive, self.size + _BESIDES, self.patience, self.pace
                )
                async for chunk in body:
                    form.write(chunk)
                path = form.end()
            except NoRoomError as error:
                raise RefusedError(507, str(error)) from error
            finally:
                form.close()
                if self._named.get(number) is form:
                    del self._named[number]
        await answer(send, 200, [str(path)])

    async def tell(self, scope: dict, send: Any) -> None:
        """Tell a browser how far its file has come, as events."""
        number = query(scope, 'upload_id')
        headers = [(b'content-type', b'text/event-stream')]
        await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
        loop = asyncio.get_running_loop()
        patience = loop.time() + _UNTOLD
        while number not in self._named and loop.time() < patience:
            await asyncio.sleep(_TOLD)
        form, told = self._named.get(number), 0
        while form is not None and self._named.get(number) is form:
            come = form.upload.size if form.upload else 0
            if come > told:
                news = dict(msg='update', orig_name=form.name, chunk_size=come - told)
                await _event(send, news)
                told = come
            await asyncio.sleep(_TOLD)
        await _event(send, dict(msg='done'))
        await send({'type': 'http.response.body', 'body': b''})

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._arriving >= AT_ONCE:
            raise RefusedError(503, 'too many clips arrive at once; try again later')
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1


class _Form:
    """A form that is read while it arrives: one file, in a field named ``files``."""

    def __init__(self, scope: dict, uploads: Uploads, size: int) -> None:
        given = dict(scope['headers']).get(b'content-type', b'').decode('latin-1')
        kind, options = parse_options_header(given)
        boundary = options.get(b'boundary', b'')
        if kind != b'multipart/form-data' or not boundary:
            raise RefusedError(400, 'a clip is sent as a form with a file')
        self.uploads, self.size = uploads, size
        self.upload: Upload | None = None
        self.name = ''
        self._whole = self._kept = False
        self._field, self._value = b'', b''
        self._headers: dict[bytes, bytes] = {}
        calls: Any = dict(
            on_part_begin=self._part_begins,
            on_header_field=self._header_field,
            on_header_value=self._header_value,
            on_header_end=self._header_ends,
            on_headers_finished=self._headers_end,
            on_part_data=self._part_data,
            on_end=self._ends,
        )
        try:
            self._parser = MultipartParser(boundary, calls)
        except FormParserError as error:
            raise _broken() from error

    def write(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _broken() from error

    def end(self) -> Any:
        """Keep the file; its path."""
        if not self._whole or self.upload is None:
            raise _broken()
        path = self.uploads.finish(self.upload)
        self._kept = True
        return path

    def close(self) -> None:
        """Remove what was not kept."""
        if self.upload is not None and not self._kept:
            self.uploads.drop(self.upload)

    def _part_begins(self) -> None:
        if self.upload is not None:
            raise RefusedError(413, 'a request may have one clip; send one at a time')
        self._headers, self._field, self._value = {}, b'', b''

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += self._bounded(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._bounded(data[start:end])

    def _bounded(self, more: bytes) -> bytes:
        if len(self._field) + len(self._value) + len(more) > _HEADERS:
            raise _broken()
        return more

    def _header_ends(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b'', b''
        if len(self._headers) > 16:
            raise _broken()

    def _headers_end(self) -> None:
        place = self._headers.get(b'content-disposition', b'').decode('latin-1')
        _, options = parse_options_header(place)
        if options.get(b'name') != b'files' or b'filename' not in options:
            raise _broken()
        self.name = options[b'filename'].decode('utf-8', 'replace')[:255]
        self.upload = self.uploads.begin(self.name)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self.upload is None:
            raise _broken()
        if self.upload.size + end - start > self.size:
            raise RefusedError(413, f'a clip may have up to {self.size >> 20} MB')
        self.uploads.write(self.upload, data[start:end])

    def _ends(self) -> None:
        self._whole = True


def _broken() -> RefusedError:
    return RefusedError(400, 'the form is broken, or holds anything but one file')


async def _event(send: Any, value: dict) -> None:
    body = f'data: {json.dumps(value)}\n\n'.encode()
    await send({'type': 'http.response.body', 'body': body, 'more_body': True})
