"""Turn errors of opening and parsing a file into :class:`MERDataError`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import MERDataError


@contextmanager
def data_errors(
    what: str,
    path: str | os.PathLike[str],
    *,
    clip: str | None = None,
    field: str | None = None,
    hint: str | None = None,
    missing: str | None = None,
) -> Iterator[None]:
    """Raise :class:`MERDataError` for any error of reading a file.

    Args:
        what: What the file is, such as ``'frame'``, for the message.
        path: The file or folder.
        clip: The clip that it belongs to. Defaults to None.
        field: The field that names it. Defaults to None.
        hint: What the user should do. Defaults to None.
        missing: The same where the file does not exist. Defaults to ``hint``.

    Raises:
        MERDataError: The code inside raised ``OSError`` or ``ValueError``; an error
            that is a ``MERDataError`` already is passed on unchanged.

    >>> with data_errors('annotation file', 'a.json', hint='write it again'):
    ...     json.loads('{')
    Traceback (most recent call last):
    mmaction_mer.utils.errors.MERDataError: a.json: annotation file is not valid JSON
    or is truncated: Expecting property name enclosed in double quotes: line 1 column 2
    (char 1): write it again
    """
    try:
        yield
    except MERDataError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            problem, hint = f'{what} not found', missing or hint
        elif isinstance(error, json.JSONDecodeError):
            problem = f'{what} is not valid JSON or is truncated: {error}'
        else:
            reason = getattr(error, 'strerror', None) or error
            problem = f'{what} cannot be read: {reason}'
        raise MERDataError(
            problem, path=path, clip=clip, field=field, hint=hint
        ) from error
