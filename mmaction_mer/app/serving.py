"""Starting the page: where it listens, and what is left when it ends."""

import os
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.errors import MERRunError
from ..inference import MERInferencer
from ..inference.weights import DEMO
from .safety import LIMITS, Guard

#: Names of this machine to itself.
LOOPBACK = ('127.0.0.1', 'localhost', '[::1]')


@dataclass(frozen=True, eq=False)
class Served:
    """A page that is being served.

    Attributes:
        url: Where.
        folder: Uploads and sample clips; removed at the end.
        page: Gradio's Blocks.
        inferencer: Reads clips.
    """

    url: str
    folder: Path
    page: Any
    inferencer: MERInferencer
    _temporary: tempfile.TemporaryDirectory

    def wait(self) -> None:
        """Serve until the program is interrupted or told to end."""
        # Being told to end would else leave behind what was sent.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            self.page.block_thread()
        finally:
            self.close()

    def close(self) -> None:
        """Stop, and delete whatever was sent."""
        self.page.close(verbose=False)
        self._temporary.cleanup()


def launch(*args: Any, **kwargs: Any) -> None:
    """Serve the page until the program is interrupted; see :func:`serve`."""
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
        MERRunError: Gradio is not installed, the port is taken, or there is no such
            model; the message says what to do.
        MERDataError: There is no face finder.
    """
    if port is not None and not 0 <= port <= 65535:
        raise MERRunError(f'port is {port}, but ports are 1 to 65535')
    _ask_gradio()
    from .page import HEAD, STYLE, build_page, theme

    inferencer = MERInferencer(model, weights, **options)
    # Before the page is built, which remembers it.
    temporary = tempfile.TemporaryDirectory(prefix='mmaction_mer_page_')
    folder = Path(temporary.name)
    os.environ['GRADIO_TEMP_DIR'] = str(folder / 'uploads')
    loopback = host in (*LOOPBACK, '::1')
    hosts = LOOPBACK if loopback else None
    try:
        page, extra_style = build_page(inferencer, folder, str(model) == DEMO)
        # One reading at a time; whoever comes when eight wait is asked to come later.
        page.queue(max_size=8, default_concurrency_limit=1, api_open=False)
        _, url, _ = page.launch(
            server_name=host,
            server_port=port if port else _free_port(host),
            share=False,
            inbrowser=browse,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            footer_links=[],
            run_history=False,
            allowed_paths=[],
            max_file_size=LIMITS.size,
            state_session_capacity=8,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            theme=theme(),
            css=STYLE + extra_style,
            head=HEAD,
            app_kwargs={
                'middleware': [_middleware(hosts)],
                'docs_url': None,
                'redoc_url': None,
                'openapi_url': None,
            },
        )
    except OSError as error:
        temporary.cleanup()
        raise MERRunError(
            f'the page cannot listen on {host}, port {port}: {error}; give another '
            f'--port'
        ) from error
    except BaseException:
        temporary.cleanup()
        raise
    return Served(url, folder, page, inferencer, temporary)


def _ask_gradio() -> None:
    """Import Gradio, which is told first to report nothing to anybody."""
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MERRunError(
            'the page is made with Gradio, which is not installed: pip install '
            "'mmaction_mer[app]'"
        ) from error


def _middleware(hosts: tuple[str, ...] | None) -> Any:
    from starlette.middleware import Middleware

    return Middleware(Guard, hosts=hosts)


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET) as one:
        one.bind((host, 0))
        return one.getsockname()[1]
