"""What one row of an annotation file must look like.

Every function returns the problems it finds and raises nothing, so that a
person with a broken file sees all of them at once.
"""

import math
import re
import string
import unicodedata
from collections.abc import Callable, Set
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from ..utils.text import quote

# Far above any frame number on disk, and it fits into every integer type.
MAX_NUMBER = 2**31 - 1
# Eight minutes at 200 fps: a longer clip is a digit too many.
MAX_FRAMES = 100_000
# No camera is as fast, and filters stay finite.
MAX_FPS = 1e5
# A file of more clips than any data set of faces would be read for minutes.
MAX_ROWS = 500_000
MAX_CLASSES = 1000
# Bytes of a name: folders are named after it, and file systems allow 255.
MAX_NAME = 200
# Bytes of a path below the data root, which has a path of its own, up to 4096.
MAX_PATH, MAX_PART = 1024, 255
# Characters of an emotion, an action unit, or a text that is not known here.
MAX_TEXT = 1000
# Action units of a clip: the coding system has fewer.
MAX_AUS = 200
# Lists in lists, of a field that is not known here.
MAX_DEPTH = 8


class Problem(NamedTuple):
    """A field and what is wrong with it."""

    field: str
    text: str

    def __str__(self) -> str:
        """Write the problem as messages show it."""
        return f"field '{self.field}': {self.text}"

    def of(self, where: str) -> str:
        """Write the problem together with the clip it belongs to."""
        return f'{where}, {self}'


def split_template(template: Any) -> tuple[str, str] | None:
    """Split a file name template at its number.

    Args:
        template: Such as ``'img{}.jpg'`` or ``'006_{:05d}.jpg'``.

    Returns:
        What stands before and after the number, or None where ``template`` is
        not a file name with exactly one number.

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
            # Zero padding is all a frame number needs; other fields could read
            # attributes or ask for gigabytes of padding.
            if name or conversion or not re.fullmatch(r'(0[1-9]\d?)?d?', spec or ''):
                return None
            fields += 1
    return (texts[0], texts[1]) if fields == 1 else None


def name_problem(value: Any) -> str | None:
    r"""Say what keeps ``value`` from being a name of a dataset, subject or clip.

    >>> name_problem('EP02_01f'), name_problem('../x')
    (None, "must not hold '/' or '\\', since folders are named after it")
    """
    if not isinstance(value, str):
        return f'must be text, but is {quote(value)}'
    if len(value) > MAX_NAME or len(value.encode(errors='replace')) > MAX_NAME:
        return f'is longer than the {MAX_NAME} bytes of a name: {quote(value)}'
    if not value.strip() or value != value.strip():
        return f'must not be empty or begin or end with a space, but is {quote(value)}'
    if _unprintable(value):
        return f'holds a character that cannot be written: {quote(value)}'
    if '/' in value or '\\' in value:
        return "must not hold '/' or '\\', since folders are named after it"
    if value in ('.', '..'):
        return f'cannot be the name of a folder: {quote(value)}'
    return None


def path_problem(value: Any) -> str | None:
    """Say what keeps ``value`` from being a path below the data root.

    >>> path_problem('sub01/EP02_01f'), path_problem('a/../../b')
    (None, "'a/../../b' holds '..': give the path below the data root")
    """
    if not isinstance(value, str):
        return f'must be text, but is {quote(value)}'
    if len(value) > MAX_PATH or len(value.encode(errors='replace')) > MAX_PATH:
        return f'is longer than the {MAX_PATH} bytes of a path: {quote(value)}'
    if not value.strip() or _unprintable(value):
        return f'is empty or holds a character that cannot be written: {quote(value)}'
    advice = 'give the path below the data root'
    if '\\' in value:
        return f"{quote(value)} holds a backslash: write '/' between folders"
    if value.startswith('/') or re.match(r'[A-Za-z]:|[A-Za-z0-9+.-]+://', value):
        return f'{quote(value)} is absolute: {advice}'
    parts = PurePosixPath(value).parts
    if '..' in parts:
        return f"{quote(value)} holds '..': {advice}"
    if long := [part for part in parts if len(part.encode()) > MAX_PART]:
        return f'has a folder whose name is longer than {MAX_PART} bytes: ' + quote(
            long[0]
        )
    return None


def text_problem(value: Any) -> str | None:
    """Say what keeps ``value`` from being a short text.

    >>> text_problem('disgust'), text_problem(4)
    (None, 'must be text, but is 4')
    """
    if not isinstance(value, str):
        return f'must be text, but is {quote(value)}'
    if len(value) > MAX_TEXT:
        return f'is longer than {MAX_TEXT} characters: {quote(value)}'
    if _unprintable(value):
        return f'holds a character that cannot be written: {quote(value)}'
    return None


def value_problem(value: Any, depth: int = 0) -> str | None:
    """Say what keeps ``value`` from being kept in a field that is not known here.

    >>> value_problem([1, {'a': None}]), value_problem(float('inf'))
    (None, 'holds inf, which is no number')
    """
    if isinstance(value, str):
        return text_problem(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'holds {value}, which is no number'
    if not isinstance(value, dict | list):
        return None
    if depth >= MAX_DEPTH:
        return f'is nested deeper than {MAX_DEPTH} levels'
    held = value if isinstance(value, list) else [*value, *value.values()]
    problems = (value_problem(one, depth + 1) for one in held)
    return next(filter(None, problems), None)


def metainfo_problems(metainfo: Any) -> list[str]:
    """List what is wrong with the ``metainfo`` of an annotation file."""
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
        problems.append(Problem('classes', 'names a class twice: drop one of them'))
    known = metainfo.get('format', 1)
    if type(known) is not int or known != 1:
        problems.append(
            Problem('format', f'is {quote(known)}; this version reads format 1')
        )
    if not isinstance(metainfo.get('subjects_known', True), bool):
        problems.append(Problem('subjects_known', 'must be true or false'))
    for field in ('dataset', 'labels', 'task_name'):
        # None is what a file says that does not know.
        if metainfo.get(field) is not None and (found := text_problem(metainfo[field])):
            problems.append(Problem(field, found))
    known_fields = {'classes', 'format', 'subjects_known'}
    problems += _other_problems(metainfo, known_fields)
    return [str(problem) for problem in problems]


def row_problems(row: Any, num_classes: int | None) -> list[Problem]:
    """List what is wrong with one row of ``data_list``, the files not looked at.

    Args:
        row: The row as it came from JSON.
        num_classes: Length of ``metainfo.classes``; None where that is broken.

    Returns:
        The problems, none for a sound row.
    """
    if not isinstance(row, dict):
        return [Problem('data_list', f'a clip must be an object, but is {quote(row)}')]
    problems = []

    def check(field: str, find: Callable[[Any], str | None]) -> None:
        if field not in row:
            problems.append(Problem(field, 'is missing: add it'))
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
        problems.append(Problem('emotion', f'{text}; leave it out if unknown'))
    aus = row.get('aus', [])
    if not isinstance(aus, list) or not all(isinstance(au, str) for au in aus):
        problems.append(Problem('aus', 'must be a list of texts such as ["4", "R12"]'))
    elif len(aus) > MAX_AUS or any(map(text_problem, aus)):
        problems.append(Problem('aus', f'is too long or not text: {quote(aus)}'))
    problems += _order_problems(row) + _source_problems(row)
    return problems + _other_problems(row, _FIELDS)


# Fields of a row that are checked one by one.
_FIELDS = frozenset(
    {'dataset', 'subject', 'clip', 'onset', 'apex', 'offset', 'fps', 'label', 'aus'}
    | {'emotion', 'frame_dir', 'filename_tmpl', 'video'}
)


def _other_problems(fields: dict[str, Any], known: Set[str]) -> list[Problem]:
    """Check what is kept without being known here."""
    problems = []
    for name, value in fields.items():
        if found := text_problem(name):
            problems.append(Problem('?', f'the name of a field {found}'))
        elif name not in known and (found := value_problem(value)):
            problems.append(Problem(name, found))
    return problems


def _number_problem(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f'must be a whole number, but is {quote(value)}'
    if not 0 <= value <= MAX_NUMBER:
        return f'must lie in 0..{MAX_NUMBER}, but is {quote(value)}'
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
    """Check onset <= apex <= offset and onset < offset, of sound numbers only."""
    onset: Any = row.get('onset')
    offset: Any = row.get('offset')
    apex: Any = row.get('apex')
    if _number_problem(onset) or _number_problem(offset):
        return []
    problems = []
    if offset == onset:
        problems.append(
            Problem(
                'offset', f'equals onset {onset}: a clip of one frame has no motion'
            )
        )
    elif offset < onset:
        problems.append(
            Problem('offset', f'{offset} is before onset {onset}: correct or drop it')
        )
    elif offset - onset >= MAX_FRAMES:
        problems.append(
            Problem(
                'offset',
                f'{offset} is {offset - onset} frames after onset {onset}, which no '
                f'expression lasts: correct it',
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
    """Check that the row names a frame folder with its pattern, or a video."""
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


_TURNS = frozenset({'LRE', 'RLE', 'LRO', 'RLO', 'PDF', 'LRI', 'RLI', 'FSI', 'PDI'})


def _unprintable(value: str) -> bool:
    """Find what a terminal obeys, and lone halves of characters (JSON can hold both).

    Control characters, separators of lines, and what turns the direction of writing.
    """
    return any(
        unicodedata.category(letter) in ('Cc', 'Cs', 'Zl', 'Zp')
        or unicodedata.bidirectional(letter) in _TURNS
        for letter in value
    )
