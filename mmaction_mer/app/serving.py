"""Start and stop the server of the page."""

import errno
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..apis.weights import DEMO
from ..utils.errors import MERRunError
from .exit_signals import exit_on_signals
from .private_folder import PrivateFolder, remove_stale_folders
from .uploads import Uploads

if TYPE_CHECKING:
    from ..apis.mer_inferencer import MERInferencer

#: Host names of this machine for itself.
LOOPBACK = ('127.0.0.1', 'localhost', '[::1]')
#: Largest number of visitors whose film is kept for its sliders: 12 MB each.
MAX_SESSIONS = 32
# The variable for the folder that Gradio writes to, and its name in the private folder.
_VARIABLE, _GRADIO = 'GRADIO_TEMP_DIR', 'gradio'
# Values of the variable: the original one, and one for each page that is served.
_values: list[str | None] = []


@dataclass(frozen=True, eq=False)
class Served:
    """A page that is being served.

    Attributes:
        url: Its address.
        page: Gradio's Blocks.
        inferencer: Predicts clips.
        uploads: The files of visitors.
    """

    url: str
    page: Any
    inferencer: 'MERInferencer'
    uploads: Uploads
    _private: PrivateFolder

    @property
    def folder(self) -> Path:
        """Folder of uploads and sample clips, removed by :meth:`close`."""
        return self._private.path

    def wait(self) -> None:
        """Serve until the program is interrupted."""
        try:
            self.page.block_thread()
        finally:
            self.close()

    def close(self) -> None:
        """Delete all uploads and stop the server."""
        # First, since stopping the server waits for open connections.
        self.uploads.close()
        _clean_up(self._private)
        self.page.close(verbose=False)


def launch(*args: Any, **kwargs: Any) -> None:
    """Serve the page until the program is interrupted, see :func:`serve`."""
    with exit_on_signals():
        served = serve(*args, **kwargs)
        print(f'the page: {served.url}  (Ctrl+C ends it)', flush=True)
        served.wait()


def serve(
    model: str | Path = DEMO,
    weights: str | Path | None = None,
    *,
    host: str = '127.0.0.1',
    port: int | None = 7860,
    **options: Any,
) -> Served:
    """Start the page in the background.

    Args:
        model: See ``MERInferencer``. Defaults to 'demo'.
        weights: See ``MERInferencer``. Defaults to None.
        host: Address to listen on. Defaults to '127.0.0.1', which other machines cannot
            reach.
        port: Port; None for any free one. Defaults to 7860.
        options: More arguments of ``MERInferencer``.

    Raises:
        MERRunError: Gradio is not installed, the port is in use, there is no such
            model, or no folder can be created.
        MERDataError: There is no face finder.
    """
    if port is not None and not 0 <= port <= 65535:
        raise MERRunError(f'is {port}, but ports are 1 to 65535', field='port')
    remove_stale_folders()
    private = PrivateFolder()
    try:
        return _serve(private, model, weights, host, port, options)
    except BaseException as error:
        _clean_up(private)
        if isinstance(error, OSError):
            raise MERRunError(f'the page could not be started: {error}') from error
        raise


def _serve(
    private: PrivateFolder,
    model: str | Path,
    weights: str | Path | None,
    host: str,
    port: int | None,
    options: dict,
) -> Served:
    _import_gradio(private)
    port = _free_port(host, port)
    from starlette.middleware import Middleware

    from ..apis.mer_inferencer import MERInferencer
    from .limits import LIMITS
    from .page import HEAD, STYLE, build_page, theme
    from .request_filter import RequestFilter
    from .upload_endpoint import UploadEndpoint

    inferencer = MERInferencer(model, weights, **options)
    uploads = Uploads(private.path / 'uploads')
    loopback = host in (*LOOPBACK, '::1')
    demo = str(model) == DEMO
    page, extra_style = build_page(inferencer, private.path, uploads, demo)
    # One prediction at a time; requests are rejected when eight are waiting.
    page.queue(max_size=8, default_concurrency_limit=1, api_open=False)
    request_filter = Middleware(
        RequestFilter,
        hosts=LOOPBACK if loopback else None,
        uploads=UploadEndpoint(uploads, LIMITS.size),
        handlers=page.handlers(),
    )
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=False,
        prevent_thread_lock=True,
        quiet=True,
        show_error=False,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=LIMITS.size,
        state_session_capacity=MAX_SESSIONS,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        # No processes of Gradio, which would receive files without the filter.
        num_workers=0,
        theme=theme(),
        css=STYLE + extra_style,
        head=HEAD,
        app_kwargs={
            'middleware': [request_filter],
            'docs_url': None,
            'redoc_url': None,
            'openapi_url': None,
        },
    )
    uploads.start_sweeping()
    return Served(url, page, inferencer, uploads, private)


def _clean_up(private: PrivateFolder) -> None:
    """Remove the private folder, and restore the one that Gradio used before."""
    private.remove()
    folder = str(private.path / _GRADIO)
    if folder in _values:
        _values.remove(folder)
        _set_gradio_folder(_values[-1])


def _import_gradio(private: PrivateFolder) -> None:
    """Import Gradio, with its folder set and telemetry disabled before."""
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'
    if len(_values) < 2:  # no page is served
        _values[:] = [os.environ.get(_VARIABLE)]
    _values.append(str(private.path / _GRADIO))
    _set_gradio_folder(_values[-1])
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MERRunError(
            'the page needs Gradio, which is not installed',
            hint="pip install 'mmaction_mer[app]'",
        ) from error


def _set_gradio_folder(folder: str | None) -> None:
    """Set the folder that Gradio writes to; None restores its default."""
    if folder is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = folder
    folder = folder or str(Path(tempfile.gettempdir()) / _GRADIO)
    for name, module in list(sys.modules.items()):
        # These modules keep the value that the variable had when they were imported.
        if name.startswith('gradio.') and 'DEFAULT_TEMP_DIR' in vars(module):
            vars(module)['DEFAULT_TEMP_DIR'] = folder


def _free_port(host: str, port: int | None) -> int:
    """Check that a port is free, or choose a free one.

    Raises:
        MERRunError: The address cannot be used.
    """
    address = host[1:-1] if host[:1] + host[-1:] == '[]' else host
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    try:
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port or 0))
            return one.getsockname()[1]
    except (OSError, UnicodeError) as error:
        hints = {
            errno.EADDRINUSE: 'give another --port',
            errno.EACCES: 'give a --port of 1024 or more',
            errno.EPERM: 'give a --port of 1024 or more',
        }
        number = getattr(error, 'errno', None)
        raise MERRunError(
            f'the page cannot listen on {host}, port {port or "any"}: {error}',
            hint=hints.get(number or 0, 'give an address of this machine as --host'),
        ) from error
