"""Ending in order, whichever signal it is that ends the page."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Signals that do not end a process, or come from a fault of the program's own, after
#: which nothing can go on.
_OTHERS = {
    getattr(signal, name, None)
    for name in (
        'SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGINFO', 'SIGTSTP', 'SIGTTIN',
        'SIGTTOU', 'SIGKILL', 'SIGSTOP', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL',
        'SIGPIPE',
    )
}  # fmt: skip


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn the first signal that ends the process into ``SystemExit`` within.

    Whatever ``finally`` holds is done then, and no second signal breaks that off. What
    somebody ignores on purpose (SIGHUP, with ``nohup``) stays ignored, yet SIGINT does
    not: shells let a program in the background ignore it without anybody's asking.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = {
        number: signal.getsignal(number)
        for number in map(int, signal.valid_signals())
        if _ends(number)
    }

    def end(number: int, frame: Any) -> None:
        for one in caught:
            signal.signal(one, signal.SIG_IGN)
        before = caught[number]
        if callable(before) and before is not signal.default_int_handler:
            try:
                before(number, frame)  # may end it with a status of its own
            finally:
                signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    try:
        for one in caught:
            signal.signal(one, end)
        yield
    finally:
        for one, before in caught.items():
            signal.signal(one, before)


def _ends(number: int) -> bool:
    """Tell a signal that would end the process, as it is handled now."""
    if number in _OTHERS:
        return False
    before = signal.getsignal(number)
    ignored = number == signal.SIGINT and before is signal.SIG_IGN
    # A command's own handler of these lets a second one end the process at once.
    raised = number in (signal.SIGTERM, signal.SIGHUP) and callable(before)
    return ignored or raised or before in (signal.SIG_DFL, signal.default_int_handler)
