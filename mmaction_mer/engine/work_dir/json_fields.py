"""Types of the fields of a run's JSON files: one table per file.

All readers of such a file rely on these types. A missing field passes, since earlier
versions and other writers leave some out.
"""

import errno
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluation.summary import SELECTIONS
from ...utils.errors import MERDataError, MERRunError
from ...utils.json_files import read_json
from ...utils.text import quote

# Longest names (of subjects and clips) and texts (sentences and paths), in characters.
_NAME, _TEXT = 1000, 100_000
# The largest integer that every JSON parser keeps exact; and centuries, in seconds.
_MOST, _LONGEST = 2**53, 1e10
# Errors of what is not a readable file at all, such as a folder or a pipe.
_UNREADABLE = (errno.EINVAL, errno.EFBIG, errno.EISDIR, errno.ELOOP,
               errno.ENAMETOOLONG, errno.ENXIO)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A type of value.

    Attributes:
        words: Its description in messages.
        fits: Returns whether a value has this type.
    """

    words: str
    fits: Callable[[Any], bool]

    def optional(self) -> 'Kind':
        """Return this type or null."""
        return Kind(f'{self.words} or null', lambda one: one is None or self.fits(one))

    def listed(self) -> 'Kind':
        """Return the type of lists of such values."""
        return Kind(
            f'a list, each item {self.words}',
            lambda one: isinstance(one, list) and all(map(self.fits, one)),
        )

    def by_name(self) -> 'Kind':
        """Return the type of objects with such values."""
        return Kind(
            f'an object, each value {self.words}',
            lambda one: (
                isinstance(one, dict)
                and all(map(NAME.fits, one))
                and all(map(self.fits, one.values()))
            ),
        )


def integer(most: int = _MOST) -> Kind:
    """Return the type of integers from 0 to ``most``."""
    return Kind(
        f'an integer from 0 to {most}',
        lambda one: type(one) is int and 0 <= one <= most,
    )


def text(most: int, least: int = 0) -> Kind:
    """Return the type of strings with ``least`` to ``most`` characters."""
    return Kind(
        f'a text of {least} to {most} characters',
        lambda one: isinstance(one, str) and least <= len(one) <= most,
    )


def table(fields: Mapping[str, Kind], required: tuple[str, ...] = ()) -> Kind:
    """Return the type of objects whose known fields fit."""
    known = ', '.join(f'{name}: {kind.words}' for name, kind in fields.items())
    return Kind(
        f'an object ({known})',
        lambda one: (
            isinstance(one, dict)
            and all(name in one for name in required)
            and all(
                kind.fits(one[name]) for name, kind in fields.items() if name in one
            )
        ),
    )


def choice(*values: str) -> Kind:
    """Return the type of strings that are one of ``values``."""
    return Kind(
        f'one of {", ".join(values)}',
        lambda one: isinstance(one, str) and one in values,
    )


def _is_number(value: Any) -> bool:
    plain = type(value) is int or (type(value) is float and math.isfinite(value))
    return plain and 0 <= value <= _LONGEST


def _is_folder_name(value: Any) -> bool:
    named = isinstance(value, str) and 0 < len(value) <= 255
    return named and value[0] != '.' and not {'/', '\\', '\0'} & {*value}


def _is_clip_row(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 5:
        return False
    *key, label, digest = value
    return all(map(NAME.fits, key)) and COUNT.fits(label) and isinstance(digest, str)


NAME, TEXT, COUNT, SEED = text(_NAME, 1), text(_TEXT), integer(), integer(2**32 - 1)
NUMBER = Kind(f'a number from 0 to {_LONGEST:g}', _is_number)
FOLDER = Kind('a name that a folder may have', _is_folder_name)
SELECTION = choice(*SELECTIONS)
CLASSES = Kind(
    'a list of two or more different names',
    lambda one: NAME.listed().fits(one) and len(set(one)) == len(one) >= 2,
)
PARAMETERS = table(
    {'trainable': COUNT, 'total': COUNT}, required=('trainable', 'total')
)
OBJECT = Kind('an object', lambda one: isinstance(one, dict))
CLIP_ROWS = Kind(
    'rows of data set, subject, clip, label, and digest',
    lambda one: isinstance(one, list) and all(map(_is_clip_row, one)),
)

FOLD_FIELDS = {
    'status': choice('running', 'done', 'diverged', 'failed'),
    'attempt': NAME, 'fold': NAME, 'held_out': NAME.listed(), 'fingerprint': NAME,
    'annotation': NAME, 'seed': SEED, 'selection': SELECTION, 'clips': NAME,
    'load_from': TEXT.optional(), 'iteration': COUNT.optional(), 'chosen_on': TEXT,
    'chosen_by_uf1': NUMBER.optional(), 'strategy': NAME, 'wall_time_s': NUMBER,
    'clips_trained': COUNT, 'folds_at_once': COUNT, 'parameters': PARAMETERS,
    'device': NAME, 'threads': COUNT, 'finished': NAME, 'reason': TEXT,
    'digests': NAME.by_name(),
}  # fmt: skip

_CONFIG = {
    'annotation': NAME,
    'loso': table({'select': SELECTION}),
    'randomness': table({'seed': SEED}),
}
PLAN_FIELDS = {
    'format': COUNT, 'fingerprint': NAME, 'classes': CLASSES,
    'folds': Kind(
        'an object with the names of the held-out subjects of each fold',
        lambda one: NAME.listed().by_name().fits(one) and all(map(FOLDER.fits, one)),
    ),
    'load_from': TEXT.optional(), 'config': table(_CONFIG),
    'clips': table({
        'tested': CLIP_ROWS, 'others': CLIP_ROWS, 'metainfo': text(_NAME),
    }, required=('tested', 'others', 'metainfo')),
}  # fmt: skip
#: Fields of a plan that lists its clips: the version that wrote these wrote all.
PLANNED = table(
    {
        'config': table(
            {
                'loso': table({}, required=('select',)),
                'randomness': table({}, required=('seed',)),
            },
            required=tuple(_CONFIG),
        )
    },
    required=('fingerprint', 'classes', 'folds', 'config'),
)
#: The fields that :data:`PLANNED` requires, for a message.
REQUIRED = (
    'fingerprint, classes, folds, config.annotation, config.loso.select, or '
    'config.randomness.seed'
)

_TOOK = {
    'wall_time_s': NUMBER.optional(), 'training_s': NUMBER.optional(),
    'clips_trained': COUNT.optional(), 'clips_per_s': NUMBER.optional(),
    'gpu_hours': NUMBER.optional(),
}  # fmt: skip
RESULTS_FIELDS = {
    'selection': SELECTION, 'seeds': SEED.listed().optional(), 'classes': CLASSES,
    'clips': COUNT,
    'folds': table({'fold': FOLDER}, required=('fold',)).listed(),
    'missing': table({'fold': NAME, 'clips': COUNT, 'reason': TEXT, 'seed': SEED},
                     required=('fold', 'clips', 'reason')).listed(),
    'extra': table({
        **_TOOK, 'strategy': TEXT, 'fingerprint': NAME, 'parameters': PARAMETERS,
        'folds': table({'done': FOLDER.listed(), 'of': COUNT},
                       required=('done', 'of')),
        'fold_seconds': NUMBER.optional().by_name(), 'versions': OBJECT,
        'tested_on_subjects_seen_in_pretraining': NAME.listed(),
    }),
}  # fmt: skip


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that contains an object.

    Raises:
        FileNotFoundError: The file does not exist.
        MERDataError: It contains something else.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise MERDataError(f'is not a JSON file ({error})', path=path) from error
    except OSError as error:
        if error.errno in _UNREADABLE:
            raise MERDataError(str(error.strerror), path=path) from error
        raise
    if not isinstance(content, dict):
        raise MERDataError(
            f'contains a {type(content).__name__}, not a JSON object', path=path
        )
    return content


def read_record(
    path: Path,
    fields: Mapping[str, Kind],
    hint: Callable[[], str],
    check: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Read a JSON object and check its known fields.

    Args:
        path: The file.
        fields: The type of each known field; others pass.
        hint: Returns what the user should do about a damaged file.
        check: Checks the content before its fields, and raises ``MERDataError``.
            Defaults to None.

    Returns:
        The content; empty if the file does not exist.

    Raises:
        MERRunError: The file is not a JSON object, or a field has a wrong type.
    """
    try:
        content = read_object(path)
        if check is not None:
            check(content)
        for field, kind in fields.items():
            if field in content and not kind.fits(content[field]):
                raise MERDataError(
                    f'is {quote(content[field])}, but must be {kind.words}', field=field
                )
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except MERDataError as error:
        raise MERRunError(
            error.problem, path=path, field=error.field, hint=hint()
        ) from error
    return content
