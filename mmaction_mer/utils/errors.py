"""Exception classes that store the location, the problem and the advice in fields."""

import os
from collections.abc import Sequence
from typing import Any

from .text import printable

#: Maximum number of problems of one file that a message lists; all are counted.
SHOWN_PROBLEMS = 20
# Maximum length of each of them, in characters.
_SHOWN_CHARACTERS = 1000


class MERError(Exception):
    """Base class of all errors of this package.

    The message is assembled here, and only here, as ``path: clip C: field 'f':
    problem: hint``; parts that are not given are left out.

    Args:
        problem: What is wrong, without a period at the end.
        path: The file or folder that it was found in. Defaults to None.
        clip: The clip, as ``dataset/subject/clip``. Defaults to None.
        field: The field, column, option or argument. Defaults to None.
        hint: What the user should do about it. Defaults to None.

    Attributes:
        problem (str): As given, as are the following four.
        path (str | None): The file or folder.
        clip (str | None): The clip.
        field (str | None): The field.
        hint (str | None): The advice.

    >>> print(MERError('is empty', path='a.json', field='fps', hint='add it'))
    a.json: field 'fps': is empty: add it
    >>> MERError('the folds differ').clip is None
    True
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | os.PathLike[str] | None = None,
        clip: str | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.path = None if path is None else os.fspath(path)
        self.clip = clip
        self.field = field
        self.hint = hint
        parts = [
            self.path,
            None if clip is None else f'clip {clip}',
            None if field is None else f"field '{field}'",
            problem,
            hint,
        ]
        super().__init__(': '.join(part for part in parts if part))

    def __str__(self) -> str:
        """Return the message, also where another base class has its own ``str``."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the fields, so that an error keeps them between processes."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(
    cls: type[MERError], args: tuple[Any, ...], state: dict[str, Any]
) -> MERError:
    # Python requires the constructor of OSError for its subclasses.
    new = OSError.__new__ if issubclass(cls, OSError) else cls.__new__
    error = new(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class MERDataError(MERError, ValueError):
    """Data that cannot be used."""


class MERRunError(MERError, RuntimeError):
    """A run that cannot be started or continued."""


class ConfigError(MERRunError):
    """A mistake in a config, which makes every fold of the run fail."""


class FoldsFailed(MERRunError):
    """Some folds of a run failed; all others are finished."""


class DivergedError(MERRunError):
    """Training of a fold has diverged: a loss or a weight is not finite.

    Args:
        fold: Name of the fold.
        iteration: The first iteration, counted from 1, whose loss or gradients are not
            finite. Weights that are not finite spoil the loss of the iteration after.
    """

    def __init__(self, fold: str, iteration: int) -> None:
        super().__init__(
            f'fold {fold} diverged: its loss or its weights are not finite from '
            f'iteration {iteration} on'
        )
        self.fold = fold
        self.iteration = iteration


def raise_problems(source: str, what: str, problems: Sequence[str]) -> None:
    """Raise one :class:`MERDataError` for a list of problems, if it is not empty.

    Args:
        source: The file in which the problems were found.
        what: What kind of problems these are.
        problems: One line each; the first 20 are listed, all are counted.

    Raises:
        MERDataError: ``problems`` is not empty; its ``path`` is ``source``.
    """
    if not problems:
        return
    lines = [f'{what}: {len(problems)} problem(s)']
    lines += [
        f'  {printable(one, _SHOWN_CHARACTERS)}' for one in problems[:SHOWN_PROBLEMS]
    ]
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f'  ... and {len(problems) - SHOWN_PROBLEMS} more')
    raise MERDataError('\n'.join(lines), path=source)
