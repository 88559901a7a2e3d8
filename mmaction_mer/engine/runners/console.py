"""The console during a run: each message once, above the progress bar."""

import logging
import sys

from mmengine.logging import MMLogger
from tqdm import tqdm

_shown: set[str] = set()


def show_once(record: logging.LogRecord) -> bool:
    """Filter log records: a message is shown once per process, not once per fold."""
    message = record.getMessage()
    return message not in _shown and not _shown.add(message)


def quiet_console(logger: MMLogger, level: str) -> None:
    """Write all records of a logger to its file, and few of them to the console.

    Args:
        logger: The logger of a fold.
        level: Minimum level of what is written to the console.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            # On a full disk every line would print a traceback; other writes report it.
            handler.handleError = lambda record: None
        else:
            handler.setLevel(level)
            handler.addFilter(show_once)
            handler.setStream(_AboveTheBar())


def write_error(text: str) -> None:
    """Write a line to stderr, above the progress bar."""
    tqdm.write(text, file=sys.stderr)


class _AboveTheBar:
    """A stream that writes above the progress bar."""

    # mmengine's MLflow backend asks every stream of the log.
    closed = False

    def write(self, text: str) -> None:
        tqdm.write(text, file=sys.stdout, end='')

    def flush(self) -> None:
        sys.stdout.flush()
