"""Starting the page: where it listens, and what is left when it ends."""

import errno
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..apis.mer_inferencer import MERInferencer
from ..apis.weights import DEMO
from ..utils.errors import MERRunError
from .folder import PageFolder, clear_left_behind
from .guard import RequestFilter
from .safety import LIMITS
from .shutdown import ended_by_signals
from .uploads import Uploads

#: Names of this machine to itself.
LOOPBACK = ('127.0.0.1', 'localhost', '[::1]')


#: The variable that says where Gradio may write, and its folder there.
_PLACE, _GRADIO = 'GRADIO_TEMP_DIR', 'gradio'
#: What the variable held before, and for each page that is served.
_values: list[str | None] = []
#: Visitors whose film is kept for its sliders: 12 MB each.
VISITORS = 32


@dataclass(frozen=True, eq=False)
class Served:
    """A page that is being served.

    Attributes:
        url: Where.
        folder: Uploads and sample clips; removed at the end.
        page: Gradio's Blocks.
        inferencer: Reads clips.
        uploads: What visitors have sent.
    """

    url: str
    folder: Path
    page: Any
    inferencer: MERInferencer
    uploads: Uploads
    _private: PageFolder

    def wait(self) -> None:
        """Serve until the program is interrupted or told to end."""
        try:
            self.page.block_thread()
        finally:
            self.close()

    def close(self) -> None:
        """Delete whatever was sent, and stop."""
        # Before the server ends, which waits for whoever is still connected.
        self.uploads.close()
        _forget(self._private)
        self.page.close(verbose=False)


def launch(*args: Any, **kwargs: Any) -> None:
    """Serve the page until the program is interrupted; see :func:`serve`."""
    with ended_by_signals():
        served = serve(*args, **kwargs)
        print(f'the page: {served.url}  (Ctrl+C ends it)', flush=True)
        served.wait()


def serve(
    model: str | Path = DEMO,
    weights: str | Path | None = None,
    *,
    host: str = '127.0.0.1',
    port: int | None = 7860,
    browse: bool = False,
    **options: Any,
) -> Served:
    """Start the page in the background.

    Args:
        model: As in ``MERInferencer``.
        weights: As there.
        host: Address to listen on; by default nobody else's machine gets through.
        port: Port; None for any that is free.
        browse: Open a browser.
        options: Others of ``MERInferencer``.

    Raises:
        MERRunError: Gradio is not installed, the port is taken, there is no such
            model, or no folder can be made; the message says what to do.
        MERDataError: There is no face finder.
    """
    if port is not None and not 0 <= port <= 65535:
        raise MERRunError(f'port is {port}, but ports are 1 to 65535')
    clear_left_behind()
    private = PageFolder()
    try:
        return _serve(private, model, weights, host, port, browse, options)
    except BaseException as error:
        _forget(private)
        if isinstance(error, OSError):
            raise MERRunError(f'the page could not be started: {error}') from error
        raise


def _serve(
    private: PageFolder,
    model: str | Path,
    weights: str | Path | None,
    host: str,
    port: int | None,
    browse: bool,
    options: dict,
) -> Served:
    _import_gradio(private)
    port = _free_port(host, port)
    from .page import HEAD, STYLE, build_page, theme
    from .receiving import Receiver

    inferencer = MERInferencer(model, weights, **options)
    uploads = Uploads(private.path / 'uploads')
    loopback = host in (*LOOPBACK, '::1')
    demo = str(model) == DEMO
    page, extra_style = build_page(inferencer, private.path, uploads, demo)
    # One reading at a time; whoever comes when eight wait is asked to come later.
    page.queue(max_size=8, default_concurrency_limit=1, api_open=False)
    guard = _middleware(
        hosts=LOOPBACK if loopback else None,
        receiver=Receiver(uploads, LIMITS.size),
        handlers=page.handlers(),
    )
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=browse,
        prevent_thread_lock=True,
        quiet=True,
        show_error=False,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=LIMITS.size,
        state_session_capacity=VISITORS,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        # Of Gradio's own processes, which would take files past the guard.
        num_workers=0,
        theme=theme(),
        css=STYLE + extra_style,
        head=HEAD,
        app_kwargs={
            'middleware': [guard],
            'docs_url': None,
            'redoc_url': None,
            'openapi_url': None,
        },
    )
    uploads.watch()
    return Served(url, private.path, page, inferencer, uploads, private)


def _forget(private: PageFolder) -> None:
    """Remove the folder; whatever else uses Gradio in this process has its own."""
    private.remove()
    ours = str(private.path / _GRADIO)
    if ours in _values:
        _values.remove(ours)
        _point_gradio(_values[-1])


def _import_gradio(private: PageFolder) -> None:
    """Import Gradio, which is told first where it may write, and to report nothing."""
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'
    if len(_values) < 2:  # no page is served
        _values[:] = [os.environ.get(_PLACE)]
    _values.append(str(private.path / _GRADIO))
    _point_gradio(_values[-1])
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MERRunError(
            'the page is made with Gradio, which is not installed: pip install '
            "'mmaction_mer[app]'"
        ) from error


def _point_gradio(place: str | None) -> None:
    """Tell Gradio where it may write; None leaves it to itself."""
    if place is None:
        os.environ.pop(_PLACE, None)
    else:
        os.environ[_PLACE] = place
    place = place or str(Path(tempfile.gettempdir()) / _GRADIO)
    for name, module in list(sys.modules.items()):
        # These remember what the variable held when they were imported.
        if name.startswith('gradio.') and 'DEFAULT_TEMP_DIR' in vars(module):
            vars(module)['DEFAULT_TEMP_DIR'] = place


def _middleware(**options: Any) -> Any:
    from starlette.middleware import Middleware

    return Middleware(RequestFilter, **options)


def _free_port(host: str, port: int | None) -> int:
    """Try to listen, and give the port: the one asked for, or else any that is free.

    Raises:
        MERRunError: Nobody can listen there; says why, and what to do.
    """
    address = host[1:-1] if host[:1] + host[-1:] == '[]' else host
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    try:
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port or 0))
            return one.getsockname()[1]
    except (OSError, UnicodeError) as error:
        advice = {
            errno.EADDRINUSE: 'give another --port',
            errno.EACCES: 'give a --port of 1024 or more',
            errno.EPERM: 'give a --port of 1024 or more',
        }
        number = getattr(error, 'errno', None)
        what = advice.get(number or 0, 'give the address of this machine as --host')
        raise MERRunError(
            f'the page cannot listen on {host}, port {port or "any"}: {error}; {what}'
        ) from error
