"""Recognize micro- and macro-expressions in rows, sheet names and file names.

Some tables hold both kinds, in a column of words such as ``micro-expression``
(CAS(ME)^2), ``Micro - 1/2`` (SAMM long videos) or ``MaE``, of yes and no, or of numbers
that the heading explains.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any, Literal

Kind = Literal['micro', 'macro']

_WORDS: dict[str, Kind] = {
    **dict.fromkeys(('micro', 'me', 'mes', 'mie', 'mies', '微', '微表情'), 'micro'),
    **dict.fromkeys(('macro', 'mae', 'maes', '宏', '宏表情'), 'macro'),
}
# Words beside them that do not change the meaning.
_FILLERS = re.compile(
    r'(facial)?(expressions?|exprs?|exps?|movements?|movs?|motions?|clips?|only|type)'
)
# Headings of such columns, reduced to their letters.
_HEADINGS = frozenset((
    'type', 'types', 'kind', 'category', 'expression', 'expressiontype',
    'expressionkind', 'expressioncategory', 'typeofexpression', 'exptype', 'metype',
    'facialexpressiontype', 'movementtype', 'labeltype', 'memae', 'maeme', 'meormae',
    'micromacro', 'macromicro', 'microormacro', 'macroormicro', 'micro', 'macro',
    'microexpression', 'macroexpression', 'micromacroexpression',
    'macromicroexpression', 'microormacroexpression', '类型', '表情类型', '类别',
))  # fmt: skip
# Headings that name both kinds.
_BOTH = re.compile(r'micro.*macro|macro.*micro|^me(or)?mae$|^mae(or)?me$')
# Headings of columns of yes and no.
_FLAGS: dict[str, Kind] = {
    **dict.fromkeys(('micro', 'ismicro', 'microexpression', 'me', 'isme'), 'micro'),
    **dict.fromkeys(('macro', 'ismacro', 'macroexpression', 'mae', 'ismae'), 'macro'),
}
_YES, _NO = frozenset(('1', 'yes', 'y', 'true')), frozenset(('0', 'no', 'n', 'false'))


def parse_kind(value: Any) -> Kind | None:
    """Parse a cell that names a kind; None if it names neither.

    >>> [parse_kind(value) for value in ('Micro - 1/2', 'macro-expression', 'MaE', 4)]
    ['micro', 'macro', 'macro', None]
    """
    letters = ''.join(filter(str.isalpha, _normalize(value)))
    return _WORDS.get(_FILLERS.sub('', letters))


def kind_in_name(name: str) -> Kind | None:
    """Return the kind in the name of a file or sheet; None for neither or both.

    >>> kind_in_name('cas(me)3_part_A_MaE_label.xlsx'), kind_in_name('MICRO_ONLY')
    ('macro', 'micro')
    >>> kind_in_name('MMEW_Micro_Macro.xlsx')
    """
    name = re.sub(r'(?i)cas ?\(?me\)?', ' ', name)
    if name.lower().endswith('.xlsm'):
        return None  # a workbook with the macros of a spreadsheet program
    # MacroExp is two words.
    words = re.findall(r'[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+', name.replace('MaE', 'mae'))
    found: set[Kind] = set()
    for word in map(str.casefold, words):
        if word.startswith(('micro', '微表情')) or word in ('me', 'mes'):
            found.add('micro')
        elif word.startswith('宏表情') or word in ('macro', 'mae', 'maes'):
            found.add('macro')
    return found.pop() if len(found) == 1 else None


def read_kinds(
    grid: Sequence[Sequence[Any]], header: int, used: Collection[int]
) -> dict[int, str] | None:
    """Find the column that distinguishes micro- from macro-expressions, and read it.

    Its heading names both kinds; or is usual for such columns, and a cell names a
    kind; or, whatever the heading, all its cells name a kind.

    Args:
        grid: All rows of a sheet.
        header: Index of the row of headings.
        used: Columns that have another meaning.

    Returns:
        ``'micro'``, ``'macro'`` or the other content of the cell, by the number of the
        row from 1; None if there is no such column.
    """
    best: tuple[int, dict[int, str]] | None = None
    for column, title in enumerate(grid[header]):
        if column in used:
            continue
        cells = {
            number: row[column] if column < len(row) else None
            for number, row in enumerate(grid[header + 1 :], header + 2)
        }
        known, words = _read_column(title, cells)
        if known and (best is None or known > best[0]):
            best = known, words
    return best and best[1]


def _read_column(title: Any, cells: dict[int, Any]) -> tuple[int, dict[int, str]]:
    """Read a column, and count the cells that name a kind; 0 for other columns."""
    heading = ''.join(filter(str.isalpha, _normalize(title)))
    held = {number: _normalize(cell) for number, cell in cells.items()}
    full = {number: text for number, text in held.items() if text}
    codes = _codes(_normalize(title))
    kinds = {
        n: kind for n, t in full.items() if (kind := codes.get(t) or parse_kind(t))
    }
    both = _BOTH.search(heading) is not None
    if both or (kinds and (heading in _HEADINGS or heading in _FLAGS)):
        return max(len(kinds), int(both)), {**held, **kinds}
    # ME is also the abbreviation of a state, for example.
    if kinds and len(kinds) == len(full) and max(map(len, full.values())) > 3:
        return len(kinds), {**held, **kinds}
    if (yes := _FLAGS.get(heading)) and full and {*full.values()} <= _YES | _NO:
        no: Kind = 'macro' if yes == 'micro' else 'micro'
        flags = {number: yes if text in _YES else no for number, text in full.items()}
        return len(flags), {**held, **flags}
    return 0, {}


def _codes(title: str) -> dict[str, Kind]:
    """Parse the codes in a heading such as ``type (1 = micro, 2 = macro)``."""
    word = '(micro|macro|mae|me)[a-z -]*'
    ahead = re.findall(rf'([0-9])\s*[=:]\s*{word}', title)
    behind = re.findall(rf'{word}\s*[=:]\s*([0-9])', title)
    return {
        **{code: _WORDS[name] for code, name in ahead},
        **{code: _WORDS[name] for name, code in behind if not ahead},
    }


def _normalize(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize('NFKC', '' if value is None else str(value))
    return ' '.join(text.casefold().split())
