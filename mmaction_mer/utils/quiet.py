"""Suppression of log messages of mmengine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress log messages of mmengine below the level WARNING."""
    # Imported here so that importing this module does not import mmengine.
    from mmengine.logging import MMLogger

    # logging.disable does not work: loggers of mmengine cache the enabled levels.
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(before)
