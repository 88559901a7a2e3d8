"""Ablation tables as config files: rows of overrides over one base config.

A table is a plain config file::

    title = 'Table X: magnification factor'
    base = 'mpt_vit-b16_smic.py'  # relative to the folder above this file's
    paper = dict(source='MPT, table X', dataset='SMIC')
    rows = [
        dict(name='alpha = 0', options={'model.data_preprocessor.alpha': 0.0},
             paper=dict(acc=81.10, f1=80.54)),
        dict(name='alpha = 20', options={}, paper=dict(acc=86.59, f1=86.01)),
    ]

Each option sets one key of the base config. A dict **replaces** the whole node, whereas
in ``_base_`` and ``--cfg-options`` it is merged into the node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..utils.cli.command_line import read_config
from ..utils.errors import ConfigError
from .overrides import suggest

#: Numbers of a paper's row, with their column titles: accuracy and F1 in percent,
#: trainable parameters in millions.
PAPER_NUMBERS = {'acc': 'Acc', 'f1': 'F1', 'millions': 'trainable, M'}

Spec = TypeVar('Spec')


@dataclass(frozen=True)
class RowSpec:
    """One row of a table: one config.

    Attributes:
        name: Name of the row, unique in its table.
        options: Overrides of the base config, by dotted key.
        base: Base config of this row alone. Defaults to None, the table's base.
        paper: Numbers that a paper reports for this row, see :data:`PAPER_NUMBERS`.
        x: Value of the quantity that the table varies. Where every row has one, the
            figure draws the scores as lines over it.
    """

    name: str
    options: dict[str, Any]
    base: Path | None = None
    paper: dict[str, float] = field(default_factory=dict)
    x: float | None = None


@dataclass(frozen=True)
class TableSpec:
    """A table: its rows and the config that they modify.

    Attributes:
        path: The config file of the table.
        title: Title of the table.
        base: Config that the rows override.
        rows: The rows.
        paper: ``source`` and ``dataset`` of the paper's numbers, if there are any.
        reference: Name of the row that the others are compared with, if any.
        x_label: Name of the quantity that ``x`` of the rows measures.
    """

    path: Path
    title: str
    base: Path
    rows: list[RowSpec]
    paper: dict[str, str] = field(default_factory=dict)
    reference: str | None = None
    x_label: str = ''

    @property
    def name(self) -> str:
        """Name of the table's output files."""
        return self.path.stem


def read_table(path: str | Path) -> TableSpec:
    """Read the config file of a table.

    Args:
        path: The file. Base configs are relative to the folder above its own.

    Returns:
        The table. Its ``reference`` defaults to the first row that overrides nothing.

    Raises:
        ConfigError: A key is missing, unknown or of the wrong type.
    """
    path = Path(path)
    content = read_config(str(path)).to_dict()
    # mmengine keeps the private variables of a file, too.
    public = {key: value for key, value in content.items() if key[0] != '_'}
    spec = _build(TableSpec, {**public, 'path': path}, path, None)
    if not isinstance(spec.rows, list) or not spec.rows:
        raise ConfigError('is not a list of rows', path=path, field='rows')
    rows = [_read_row(row, path, index) for index, row in enumerate(spec.rows)]
    names = [row.name for row in rows]
    if duplicates := [name for name in names if names.count(name) > 1]:
        raise ConfigError(
            f'several rows are named {duplicates[0]!r}', path=path, field='rows'
        )
    unchanged = [row.name for row in rows if not row.options and row.base is None]
    reference = spec.reference or next(iter(unchanged), None)
    if reference is not None and reference not in names:
        raise ConfigError(
            f'no row is named {reference!r}',
            path=path,
            field='reference',
            hint=suggest(reference, names),
        )
    if not spec.paper and any(row.paper for row in rows):
        raise ConfigError(
            "is missing, although rows have a paper's numbers",
            path=path,
            field='paper',
            hint="name their source, as in paper=dict(source='MPT', dataset='SMIC')",
        )
    base = path.parent.parent / spec.base
    return replace(spec, base=base, rows=rows, reference=reference)


def _read_row(content: Any, path: Path, index: int) -> RowSpec:
    name = content.get('name', index) if isinstance(content, Mapping) else index
    where = f'rows[{name!r}]'
    row = _build(RowSpec, content, path, where)
    for key, value in {'options': row.options, 'paper': row.paper}.items():
        if not isinstance(value, dict):
            raise ConfigError('is not a dict', path=path, field=f'{where}.{key}')
    if unknown := sorted(row.paper.keys() - PAPER_NUMBERS.keys()):
        raise ConfigError(
            f'unknown key {unknown[0]!r}',
            path=path,
            field=f'{where}.paper',
            hint=suggest(unknown[0], PAPER_NUMBERS),
        )
    numbers = {f'paper.{key}': value for key, value in row.paper.items()}
    for key, number in {**numbers, 'x': row.x}.items():
        if isinstance(number, bool) or not isinstance(number, int | float | None):
            raise ConfigError(
                f'{number!r} is not a number', path=path, field=f'{where}.{key}'
            )
    return replace(row, base=path.parent.parent / row.base) if row.base else row


def _build(kind: type[Spec], content: Any, path: Path, where: str | None) -> Spec:
    """Build a spec from a dict of the file, whose keys are the names of its fields."""
    try:
        return kind(**content)
    except TypeError as error:  # an unknown or a missing key, or not a dict
        raise ConfigError(str(error), path=path, field=where) from error
