"""Clean up when a signal ends the process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Signals that do not end a process, or follow from a fault after which it cannot
# continue.
_OTHERS = {
    getattr(signal, name, None)
    for name in (
        'SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGINFO', 'SIGTSTP', 'SIGTTIN',
        'SIGTTOU', 'SIGKILL', 'SIGSTOP', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL',
        'SIGPIPE',
    )
}  # fmt: skip


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Raise ``SystemExit`` in the context at the first signal that ends the process.

    ``finally`` blocks are run, and further signals do not interrupt them. Signals that
    are ignored (SIGHUP, with ``nohup``) stay ignored, except for SIGINT, which shells
    ignore by default for programs in the background.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = {
        number: signal.getsignal(number)
        for number in map(int, signal.valid_signals())
        if _ends_process(number)
    }

    def handle(number: int, frame: Any) -> None:
        for one in caught:
            signal.signal(one, signal.SIG_IGN)
        before = caught[number]
        if callable(before) and before is not signal.default_int_handler:
            try:
                before(number, frame)  # may exit with another status
            finally:
                signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    try:
        for one in caught:
            signal.signal(one, handle)
        yield
    finally:
        for one, before in caught.items():
            signal.signal(one, before)


def _ends_process(number: int) -> bool:
    """Return whether a signal would end the process, as it is handled now."""
    if number in _OTHERS:
        return False
    before = signal.getsignal(number)
    ignored = number == signal.SIGINT and before is signal.SIG_IGN
    # The handlers of a command let a second signal end the process at once.
    raised = number in (signal.SIGTERM, signal.SIGHUP) and callable(before)
    return ignored or raised or before in (signal.SIG_DFL, signal.default_int_handler)
