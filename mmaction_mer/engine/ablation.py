"""A list of named overrides over one base config: what an ablation table asks for.

A list is a plain config file::

    title = 'Table X: magnification factor'
    base = 'mpt_vit-b16_smic.py'            # from the folder above the list's own
    paper = dict(source='MPT, table X', dataset='SMIC')
    rows = [
        dict(name='alpha = 0', options={'model.data_preprocessor.alpha': 0.0},
             paper=dict(acc=81.10, f1=80.54)),
        dict(name='alpha = 20', options={}, paper=dict(acc=86.59, f1=86.01)),
    ]

An option sets one place of the base and what is below it: a dict **replaces** the whole
node, unlike in ``_base_`` and ``--cfg-options``, where it is merged into it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..utils.cli.command_line import read_config
from ..utils.errors import MERRunError
from .ablation_options import near

_TABLE_KEYS = ('title', 'base', 'paper', 'rows', 'reference', 'x_label')
_ROW_KEYS = ('name', 'options', 'base', 'paper', 'x')
_SOURCE_KEYS = ('source', 'dataset')
#: What a paper's row can have: percent, percent, and millions that learn.
PAPER_KEYS = ('acc', 'f1', 'millions')


@dataclass(frozen=True)
class Row:
    """One row of a table: one config.

    Attributes:
        name: As printed.
        options: What is set in the base, by dotted key.
        base: A base of its own, in place of the table's.
        paper: The paper's numbers, see :data:`PAPER_KEYS`.
        x: What is varied, as a number: such rows are drawn as a line.
    """

    name: str
    options: dict[str, Any]
    base: Path | None = None
    paper: dict[str, float] = field(default_factory=dict)
    x: float | None = None


@dataclass(frozen=True)
class Table:
    """A list of rows.

    Attributes:
        path: The file it was read from.
        title: As printed.
        base: The config that the rows change.
        paper: ``source`` and ``dataset`` of the paper's numbers; may be empty.
        rows: The rows.
        reference: Name of the row that the others are compared with, if any.
        x_label: What ``x`` of the rows is.
    """

    path: Path
    title: str
    base: Path
    paper: dict[str, str]
    rows: list[Row]
    reference: str | None
    x_label: str = ''

    @property
    def name(self) -> str:
        """Name of the table's files."""
        return self.path.stem


def read_table(path: str | Path) -> Table:
    """Read a list of rows.

    Args:
        path: The file, in a folder beside the bases.

    Returns:
        The table; without ``reference`` in the file, its first row that changes
        nothing is what the others are compared with.

    Raises:
        MERRunError: A key is missing, not known or of the wrong kind; the message
            names file, row and key.
    """
    path = Path(path)
    content = read_config(str(path)).to_dict()
    # mmengine keeps a file's private variables as well.
    content = {key: value for key, value in content.items() if key[:1] != '_'}
    _known(path, '', content, _TABLE_KEYS, ('title', 'base', 'rows'))
    rows = content['rows']
    if not isinstance(rows, list) or not rows:
        raise MERRunError(f'{path}: rows is not a list of dict(name=..., options=...)')
    read = [_read_row(path, number, row) for number, row in enumerate(rows, 1)]
    names = [row.name for row in read]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MERRunError(f'{path}: two rows are called {twice[0]!r}: rename one')
    plain = [row.name for row in read if not row.options and row.base is None]
    reference = content.get('reference') or next(iter(plain), None)
    if reference is not None and reference not in names:
        raise MERRunError(
            f'{path}: reference is {reference!r}, which is no row'
            + near(reference, names)
        )
    paper = content.get('paper') or {}
    _known(path, 'paper: ', paper, _SOURCE_KEYS)
    if not paper and any(row.paper for row in read):
        raise MERRunError(
            f"{path}: rows have the paper's numbers, but there is no "
            f"paper=dict(source='MPT, table X', dataset='SMIC') that says whose"
        )
    return Table(
        path=path,
        title=str(content['title']),
        base=_base(path, content['base']),
        paper=paper,
        rows=read,
        reference=reference,
        x_label=content.get('x_label') or '',
    )


def _read_row(path: Path, number: int, row: Any) -> Row:
    where = f'row {number}: '
    if not isinstance(row, Mapping):
        raise MERRunError(f'{path}: {where}is {row!r}, not a dict(name=..., options=)')
    if row.get('name'):
        where = f'row {row["name"]!r}: '
    _known(path, where, row, _ROW_KEYS, ('name', 'options'))
    if not isinstance(row['options'], Mapping):
        raise MERRunError(
            f'{path}: {where}options is {row["options"]!r}, not a dict by dotted keys'
        )
    paper = row.get('paper') or {}
    _known(path, f'{where}paper: ', paper, PAPER_KEYS)
    numbers = {f'paper.{key}': value for key, value in paper.items()}
    for key, value in {**numbers, 'x': row.get('x')}.items():
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise MERRunError(f'{path}: {where}{key} is {value!r}, not a number')
    return Row(
        name=str(row['name']),
        options=dict(row['options']),
        base=_base(path, row['base']) if row.get('base') else None,
        paper=dict(paper),
        x=row.get('x'),
    )


def _known(
    path: Path,
    where: str,
    given: Any,
    known: Sequence[str],
    needed: Sequence[str] = (),
) -> None:
    if not isinstance(given, Mapping):
        raise MERRunError(f'{path}: {where}is {given!r}, not a dict')
    if unknown := sorted(given.keys() - set(known)):
        raise MERRunError(
            f'{path}: {where}{unknown[0]} is not a key here; the keys are '
            f'{", ".join(known)}'
        )
    if missing := [key for key in needed if given.get(key) is None]:
        raise MERRunError(f'{path}: {where}{missing[0]} is missing')


def _base(path: Path, name: str) -> Path:
    """Find a base: lists lie in a folder beside the configs that they change."""
    return path.parent.parent / name
