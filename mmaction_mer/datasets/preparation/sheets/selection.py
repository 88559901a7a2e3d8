"""The rows of a table that a release is read for: micro-expressions, as a rule."""

from dataclasses import replace

from ....utils.errors import MERDataError
from ....utils.text import quote
from ..issues import Finding, row_name
from .kinds import Kind, kind_of_name
from .sheet import Row, Table


def select_kind(
    table: Table, wanted: Kind | None
) -> tuple[Table, list[Finding], Kind | None]:
    """Keep the rows of one kind of expression.

    Args:
        table: The table.
        wanted: The kind; None takes what the table holds, and micro-expressions of a
            table that holds both.

    Returns:
        The table with these rows; what was left out, in one finding for all rows of
        the other kind and one for each row that names neither; and the kind, None
        where the table does not say it.

    Raises:
        MERDataError: Nothing but the name of the file or sheet says the kind, and it
            is the other one.
    """
    findings = [
        Finding(
            None,
            name,
            'kind',
            'noted',
            f'is named as a sheet of {kind_of_name(name)}-expressions: not read',
        )
        for name in table.passed
    ]
    said = {row.cells['kind'] for row in table.rows if 'kind' in row.cells}
    if not said:
        _check_names(table, wanted)
        return table, findings, None
    if wanted is None:
        kinds: tuple[Kind, ...] = ('micro', 'macro')
        wanted = next((kind for kind in kinds if kind in said), None)
    rows = []
    others: list[Row] = []
    for row in table.rows:
        kind = row.cells['kind']
        if kind == wanted:
            rows.append(row)
        elif kind in ('micro', 'macro'):
            others.append(row)
        else:
            found = quote(kind) if kind else 'empty'
            reason = f'is {found}, and neither micro nor macro: left out'
            findings.append(
                Finding(row.number, row_name(row), 'kind', 'skipped', reason)
            )
    if others:
        kind = others[0].cells['kind']
        reason = (
            f'{len(others)} rows of {kind}-expressions are left out (rows '
            f'{others[0].number} to {others[-1].number}), {len(rows)} of '
            f'{wanted}-expressions are read'
        )
        findings.append(Finding(None, table.title, 'kind', 'noted', reason))
    if others and not rows:
        raise MERDataError(
            f'{table.path}: no row is of {wanted}-expressions: '
            f'{len(others)} are of the other kind: give the right sheet with --sheet'
        )
    return replace(table, rows=tuple(rows)), findings, wanted


def _check_names(table: Table, wanted: Kind | None) -> None:
    named = kind_of_name(table.sheet) or kind_of_name(table.path.name)
    if wanted is not None and named not in (None, wanted):
        raise MERDataError(
            f'{table.path}: {quote(table.title)} is named as a table of '
            f'{named}-expressions, and {wanted}-expressions are read here: give their '
            f'sheet with --sheet, or add a column "type" that says micro or macro'
        )
