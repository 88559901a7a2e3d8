"""Rules for the metainfo and the rows of an annotation file.

Every function returns the problems it finds and raises nothing, so that a user
sees all problems of a file at once.
"""

import math
import re
import string
import unicodedata
from collections.abc import Callable, Set
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from ..utils.text import quote

# Largest frame number: above any on disk, and it fits into every integer type.
MAX_NUMBER = 2**31 - 1
# Eight minutes at 200 fps: a longer clip is a typing error.
MAX_FRAMES = 100_000
# Faster than any camera; the filters stay finite.
MAX_FPS = 1e5
# More clips than in any dataset of faces; reading more would take minutes.
MAX_ROWS = 500_000
MAX_CLASSES = 1000
# Bytes of a name: folders are named after it, and file systems allow 255.
MAX_NAME = 200
# Bytes of a path below the data root and of each of its parts; the file system
# allows 4096 together with the root.
MAX_PATH, MAX_PART = 1024, 255
# Characters of an emotion, an action unit, or a string in an additional field.
MAX_TEXT = 1000
# Action units of a clip: FACS has fewer.
MAX_AUS = 200
# Nesting of lists and objects in an additional field.
MAX_DEPTH = 8


class Problem(NamedTuple):
    """A field and what is wrong with it."""

    field: str
    text: str

    def __str__(self) -> str:
        """Return the problem as messages show it."""
        return f"field '{self.field}': {self.text}"


def split_template(template: Any) -> tuple[str, str] | None:
    """Split a file name template at its number.

    Args:
        template: Such as ``'img{}.jpg'`` or ``'006_{:05d}.jpg'``.

    Returns:
        The text before and after the number, or None if ``template`` is not a
        file name with exactly one number.

    >>> split_template('reg_img{:05d}.jpg')
    ('reg_img', '.jpg')
    >>> split_template('{}/{}.png') is None
    True
    """
    if not isinstance(template, str) or name_problem(template):
        return None
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return None
    texts = ['', '']
    fields = 0
    for literal, name, spec, conversion in parts:
        texts[min(fields, 1)] += literal
        if name is not None:
            # Only zero padding is allowed: other format fields can read attributes
            # or request gigabytes of padding.
            if name or conversion or not re.fullmatch(r'(0[1-9]\d?)?d?', spec or ''):
                return None
            fields += 1
    return (texts[0], texts[1]) if fields == 1 else None


def name_problem(value: Any) -> str | None:
    r"""Describe why ``value`` is not a valid dataset, subject or clip name.

    >>> name_problem('EP02_01f'), name_problem('../x')
    (None, "must not contain '/' or '\\', since folders are named after it")
    """
    if not isinstance(value, str):
        return f'must be a string, but is {quote(value)}'
    if len(value) > MAX_NAME or len(value.encode(errors='replace')) > MAX_NAME:
        return f'is longer than the {MAX_NAME} bytes of a name: {quote(value)}'
    if not value.strip() or value != value.strip():
        return f'must not be empty or begin or end with a space, but is {quote(value)}'
    if _unprintable(value):
        return f'contains a character that cannot be printed: {quote(value)}'
    if '/' in value or '\\' in value:
        return "must not contain '/' or '\\', since folders are named after it"
    if value in ('.', '..'):
        return f'cannot be the name of a folder: {quote(value)}'
    return None


def path_problem(value: Any) -> str | None:
    """Describe why ``value`` is not a valid path below the data root.

    >>> path_problem('sub01/EP02_01f'), path_problem('a/../../b')
    (None, "'a/../../b' contains '..': give the path below the data root")
    """
    if not isinstance(value, str):
        return f'must be a string, but is {quote(value)}'
    if len(value) > MAX_PATH or len(value.encode(errors='replace')) > MAX_PATH:
        return f'is longer than the {MAX_PATH} bytes of a path: {quote(value)}'
    if not value.strip() or _unprintable(value):
        return f'is empty or contains characters that cannot be printed: {quote(value)}'
    advice = 'give the path below the data root'
    if '\\' in value:
        return f"{quote(value)} contains a backslash: write '/' between folders"
    if value.startswith('/') or re.match(r'[A-Za-z]:|[A-Za-z0-9+.-]+://', value):
        return f'{quote(value)} is absolute: {advice}'
    parts = PurePosixPath(value).parts
    if '..' in parts:
        return f"{quote(value)} contains '..': {advice}"
    if long := [part for part in parts if len(part.encode()) > MAX_PART]:
        return f'contains a name longer than {MAX_PART} bytes: {quote(long[0])}'
    return None


def text_problem(value: Any) -> str | None:
    """Describe why ``value`` is not a valid short string.

    >>> text_problem('disgust'), text_problem(4)
    (None, 'must be a string, but is 4')
    """
    if not isinstance(value, str):
        return f'must be a string, but is {quote(value)}'
    if len(value) > MAX_TEXT:
        return f'is longer than {MAX_TEXT} characters: {quote(value)}'
    if _unprintable(value):
        return f'contains a character that cannot be printed: {quote(value)}'
    return None


def value_problem(value: Any, depth: int = 0) -> str | None:
    """Describe why ``value`` is not valid in an additional field.

    >>> value_problem([1, {'a': None}]), value_problem(float('inf'))
    (None, 'contains inf, which is not a finite number')
    """
    if isinstance(value, str):
        return text_problem(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'contains {value}, which is not a finite number'
    if not isinstance(value, dict | list):
        return None
    if depth >= MAX_DEPTH:
        return f'is nested deeper than {MAX_DEPTH} levels'
    items = value if isinstance(value, list) else [*value, *value.values()]
    problems = (value_problem(item, depth + 1) for item in items)
    return next(filter(None, problems), None)


def metainfo_problems(metainfo: Any) -> list[str]:
    """List the problems of the ``metainfo`` of an annotation file."""
    if not isinstance(metainfo, dict):
        return [f'must be an object, but is {quote(metainfo)}']
    problems = []
    classes = metainfo.get('classes')
    if not isinstance(classes, list) or len(classes) < 2:
        problems.append(
            Problem('classes', f'must list two or more names, but is {quote(classes)}')
        )
    elif len(classes) > MAX_CLASSES:
        problems.append(
            Problem('classes', f'has {len(classes)} names, more than {MAX_CLASSES}')
        )
    elif bad := [name for name in classes if name_problem(name)]:
        problems.append(Problem('classes', f'{quote(bad[0])} is not a class name'))
    elif len(set(classes)) < len(classes):
        problems.append(Problem('classes', 'lists a class twice: remove one of them'))
    known = metainfo.get('format', 1)
    if type(known) is not int or known != 1:
        problems.append(
            Problem('format', f'is {quote(known)}; this version reads format 1')
        )
    if not isinstance(metainfo.get('subjects_known', True), bool):
        problems.append(Problem('subjects_known', 'must be true or false'))
    for field in ('dataset', 'labels', 'task_name'):
        # None means that it is not known.
        if metainfo.get(field) is not None and (found := text_problem(metainfo[field])):
            problems.append(Problem(field, found))
    known_fields = {'classes', 'format', 'subjects_known'}
    problems += _other_problems(metainfo, known_fields)
    return [str(problem) for problem in problems]


def row_problems(row: Any, num_classes: int | None) -> list[Problem]:
    """List the problems of one row of ``data_list``, without touching the frames.

    Args:
        row: The row as read from JSON.
        num_classes: Length of ``metainfo.classes``; None if that is not valid.

    Returns:
        The problems; empty for a valid row.
    """
    if not isinstance(row, dict):
        return [Problem('data_list', f'a clip must be an object, but is {quote(row)}')]
    problems = []

    def check(field: str, find: Callable[[Any], str | None]) -> None:
        if field not in row:
            problems.append(Problem(field, 'is missing'))
        elif text := find(row[field]):
            problems.append(Problem(field, text))

    for field in ('dataset', 'subject', 'clip'):
        check(field, name_problem)
    for field in ('onset', 'offset'):
        check(field, _number_problem)
    check('apex', lambda value: None if value is None else _number_problem(value))
    check('fps', _fps_problem)
    check('label', lambda value: _label_problem(value, num_classes))
    if text := text_problem(row.get('emotion', '')):
        problems.append(Problem('emotion', f'{text}; leave it out if it is not known'))
    aus = row.get('aus', [])
    if not isinstance(aus, list) or not all(isinstance(au, str) for au in aus):
        problems.append(
            Problem('aus', 'must be a list of strings such as ["4", "R12"]')
        )
    elif len(aus) > MAX_AUS or any(map(text_problem, aus)):
        problems.append(Problem('aus', f'is too long or not valid: {quote(aus)}'))
    problems += _order_problems(row) + _source_problems(row)
    return problems + _other_problems(row, _FIELDS)


# Fields of a row that are checked one by one.
_FIELDS = frozenset(
    {'dataset', 'subject', 'clip', 'onset', 'apex', 'offset', 'fps', 'label', 'aus'}
    | {'emotion', 'frame_dir', 'filename_tmpl', 'video'}
)


def _other_problems(fields: dict[str, Any], known: Set[str]) -> list[Problem]:
    """Check additional fields, which are kept as they are."""
    problems = []
    for name, value in fields.items():
        if found := text_problem(name):
            problems.append(Problem('?', f'the name of a field {found}'))
        elif name not in known and (found := value_problem(value)):
            problems.append(Problem(name, found))
    return problems


def _number_problem(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f'must be an integer, but is {quote(value)}'
    if not 0 <= value <= MAX_NUMBER:
        return f'must be in 0..{MAX_NUMBER}, but is {quote(value)}'
    return None


def _fps_problem(value: Any) -> str | None:
    # Comparisons are False for NaN, and exact for integers beyond float's range.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= MAX_FPS:
        return (
            f'must be a number above 0 and at most {MAX_FPS:g}, but is '
            f'{quote(value)}: give the frame rate of the release'
        )
    return None


def _label_problem(value: Any, num_classes: int | None) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f'must be the index of a class, but is {quote(value)}'
    if value < 0 or (num_classes is not None and value >= num_classes):
        names = '' if num_classes is None else f' ({num_classes} names)'
        return (
            f'{quote(value)} is not an index into metainfo.classes{names}: count from '
            f'0, or add the class there'
        )
    return None


def _order_problems(row: dict[str, Any]) -> list[Problem]:
    """Check onset <= apex <= offset and onset < offset, of valid numbers only."""
    onset: Any = row.get('onset')
    offset: Any = row.get('offset')
    apex: Any = row.get('apex')
    if _number_problem(onset) or _number_problem(offset):
        return []
    problems = []
    if offset == onset:
        problems.append(
            Problem('offset', f'equals onset {onset}: one frame shows no motion')
        )
    elif offset < onset:
        problems.append(
            Problem('offset', f'{offset} is before onset {onset}: correct it')
        )
    elif offset - onset >= MAX_FRAMES:
        problems.append(
            Problem(
                'offset',
                f'{offset} is {offset - onset} frames after onset {onset}, longer than '
                f'any expression: correct it',
            )
        )
    elif apex is not None and not _number_problem(apex) and not onset <= apex <= offset:
        problems.append(
            Problem(
                'apex',
                f'{apex} is outside onset..offset {onset}..{offset}: correct it, or '
                f'write null if it is not known',
            )
        )
    return problems


def _source_problems(row: dict[str, Any]) -> list[Problem]:
    """Check that a row names a frame folder and its template, or a video."""
    folder, video = row.get('frame_dir'), row.get('video')
    if (folder is None) == (video is None):
        return [
            Problem('frame_dir', "give either 'frame_dir' or 'video', and only one")
        ]
    field = 'frame_dir' if video is None else 'video'
    problems = []
    if text := path_problem(row[field]):
        problems.append(Problem(field, text))
    if video is None and split_template(row.get('filename_tmpl')) is None:
        problems.append(
            Problem(
                'filename_tmpl',
                'must be a file name with one {} for the frame number, such as '
                f"'img{{}}.jpg', but is {quote(row.get('filename_tmpl'))}",
            )
        )
    return problems


_DIRECTION_MARKS = frozenset(
    {'LRE', 'RLE', 'LRO', 'RLO', 'PDF', 'LRI', 'RLI', 'FSI', 'PDI'}
)


def _unprintable(value: str) -> bool:
    """Check for characters that a terminal acts upon, and for lone surrogates.

    JSON can hold both: control characters, line separators and marks that change the
    direction of writing.
    """
    return any(
        unicodedata.category(character) in ('Cc', 'Cs', 'Zl', 'Zp')
        or unicodedata.bidirectional(character) in _DIRECTION_MARKS
        for character in value
    )
