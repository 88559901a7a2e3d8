"""Assert the fields of an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mmaction_mer.utils.errors import MERDataError


@contextmanager
def raises_data_error(
    *words: str, path: str | Path | None = None, **fields: Any
) -> Iterator[Any]:
    """Check that a MERDataError with these fields is raised.

    Args:
        words: Parts of the message.
        path: The path, or only its name.
        fields: Other fields by name; ``hint=True`` is any hint.
    """
    with pytest.raises(MERDataError) as caught:
        yield caught
    error = caught.value
    assert all(word in str(error) for word in words), error
    if path is not None:
        assert str(path) in (error.path, Path(error.path or '').name), error
    for name, value in fields.items():
        found = getattr(error, name)
        assert bool(found) if value is True else found == value, error
