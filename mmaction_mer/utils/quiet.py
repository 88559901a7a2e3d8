"""The host's own messages, kept off the console."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the host says of its own doings, warnings aside, off the console."""
    # Imported here: nothing else in this file needs the host.
    from mmengine.logging import MMLogger

    # logging.disable would not do: mmengine's loggers remember what was enabled.
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(before)
