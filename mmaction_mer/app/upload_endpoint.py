"""Endpoint that receives clips, instead of Gradio's.

Gradio names a file by its content, so that visitors who send the same one share it; it
keeps interrupted uploads, and limits each file but not the request.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .request_body import (
    MIN_RATE,
    PATIENCE,
    RequestError,
    query_field,
    receive_chunks,
    send_json,
)
from .uploads import StorageFullError, Upload, Uploads

#: Largest number of uploads in progress.
MAX_CONCURRENT = 32
# Bytes of a request besides the file, and of the headers of its parts.
_OVERHEAD, _MAX_HEADERS = 16 << 10, 8 << 10
# Seconds between two reports of progress, and until an upload must have begun.
_INTERVAL, _START = 0.1, 3.0


class UploadEndpoint:
    """Receive one clip per request, and report its progress.

    Args:
        uploads: Storage of the clips.
        size: Largest size of a clip in bytes.
        patience: See :func:`~.request_body.receive_chunks`. Defaults to 30.
        min_rate: See :func:`~.request_body.receive_chunks`. Defaults to 32 KiB.
    """

    def __init__(
        self,
        uploads: Uploads,
        size: int,
        patience: float = PATIENCE,
        min_rate: float = MIN_RATE,
    ) -> None:
        self.uploads, self.size = uploads, size
        self.patience, self.min_rate = patience, min_rate
        self._in_progress = 0
        self._forms: dict[str, _UploadForm] = {}

    async def receive(self, scope: dict, receive: Any, send: Any) -> None:
        """Store the clip of a request, and answer with its path, in a list.

        Nothing is kept of a request that ends early.

        Raises:
            RequestError: The request is not a clip, or there is no space for it.
            ClientDisconnectedError: The client has disconnected.
        """
        with self._count():
            form = _UploadForm(scope, self.uploads, self.size)
            name = query_field(scope, 'upload_id')
            if name:
                self._forms[name] = form
            try:
                limit = self.size + _OVERHEAD
                body = receive_chunks(
                    scope, receive, limit, self.patience, self.min_rate
                )
                async for chunk in body:
                    form.write(chunk)
                path = form.finish()
            except StorageFullError as error:
                raise RequestError(507, str(error)) from error
            finally:
                form.close()
                if self._forms.get(name) is form:
                    del self._forms[name]
        await send_json(send, 200, [str(path)])

    async def report_progress(self, scope: dict, send: Any) -> None:
        """Report the progress of an upload to a browser, as server-sent events."""
        name = query_field(scope, 'upload_id')
        headers = [(b'content-type', b'text/event-stream')]
        await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START
        while name not in self._forms and loop.time() < deadline:
            await asyncio.sleep(_INTERVAL)
        form, reported = self._forms.get(name), 0
        while form is not None and self._forms.get(name) is form:
            received = form.upload.size if form.upload else 0
            if received > reported:
                size = received - reported
                event = dict(msg='update', orig_name=form.name, chunk_size=size)
                await _send_event(send, event)
                reported = received
            await asyncio.sleep(_INTERVAL)
        await _send_event(send, dict(msg='done'))
        await send({'type': 'http.response.body', 'body': b''})

    @contextmanager
    def _count(self) -> Iterator[None]:
        if self._in_progress >= MAX_CONCURRENT:
            raise RequestError(503, 'there are too many uploads; try again later')
        self._in_progress += 1
        try:
            yield
        finally:
            self._in_progress -= 1


class _UploadForm:
    """Parser of a form with one file, in a field named ``files``."""

    def __init__(self, scope: dict, uploads: Uploads, size: int) -> None:
        given = dict(scope['headers']).get(b'content-type', b'').decode('latin-1')
        kind, options = parse_options_header(given)
        boundary = options.get(b'boundary', b'')
        if kind != b'multipart/form-data' or not boundary:
            raise RequestError(400, 'a clip must be sent as a form with one file')
        self.uploads, self.size = uploads, size
        self.upload: Upload | None = None
        self.name = ''
        self._complete = self._kept = False
        self._field, self._value = b'', b''
        self._headers: dict[bytes, bytes] = {}
        callbacks: Any = dict(
            on_part_begin=self._on_part_begin,
            on_header_field=self._on_header_field,
            on_header_value=self._on_header_value,
            on_header_end=self._on_header_end,
            on_headers_finished=self._on_headers_finished,
            on_part_data=self._on_part_data,
            on_end=self._on_end,
        )
        with _form_errors():
            self._parser = MultipartParser(boundary, callbacks)

    def write(self, data: bytes) -> None:
        """Parse received bytes."""
        with _form_errors():
            self._parser.write(data)

    def finish(self) -> Any:
        """Keep the file and return its path."""
        if not self._complete or self.upload is None:
            raise _invalid_form()
        path = self.uploads.finish(self.upload)
        self._kept = True
        return path

    def close(self) -> None:
        """Delete a file that was not kept."""
        if self.upload is not None and not self._kept:
            self.uploads.discard(self.upload)

    def _on_part_begin(self) -> None:
        if self.upload is not None:
            raise RequestError(413, 'a request may have one clip; send one at a time')
        self._headers, self._field, self._value = {}, b'', b''

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += self._limited(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._limited(data[start:end])

    def _limited(self, more: bytes) -> bytes:
        if len(self._field) + len(self._value) + len(more) > _MAX_HEADERS:
            raise _invalid_form()
        return more

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b'', b''
        if len(self._headers) > 16:
            raise _invalid_form()

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b'content-disposition', b'').decode('latin-1')
        _, options = parse_options_header(disposition)
        if options.get(b'name') != b'files' or b'filename' not in options:
            raise _invalid_form()
        self.name = options[b'filename'].decode('utf-8', 'replace')[:255]
        self.upload = self.uploads.begin(self.name)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.upload is None:
            raise _invalid_form()
        if self.upload.size + end - start > self.size:
            raise RequestError(413, f'a clip may have up to {self.size >> 20} MB')
        self.uploads.write(self.upload, data[start:end])

    def _on_end(self) -> None:
        self._complete = True


def _invalid_form() -> RequestError:
    return RequestError(400, 'the form is not valid, or has more than one file')


@contextmanager
def _form_errors() -> Iterator[None]:
    try:
        yield
    except FormParserError as error:
        raise _invalid_form() from error


async def _send_event(send: Any, value: dict) -> None:
    body = f'data: {json.dumps(value)}\n\n'.encode()
    await send({'type': 'http.response.body', 'body': body, 'more_body': True})
