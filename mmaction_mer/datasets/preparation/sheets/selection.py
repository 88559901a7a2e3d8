"""Select the rows of one kind of expression: micro-expressions, as a rule."""

from ....utils.errors import MERDataError
from ....utils.text import quote
from ..issues import Issue, ParsedRelease
from .kinds import Kind, kind_in_name
from .tables import Row, Table


def select_kind(
    table: Table, wanted: Kind | None
) -> tuple[tuple[Row, ...], ParsedRelease, Kind | None]:
    """Select the rows of one kind of expression.

    Args:
        table: The table.
        wanted: The kind; None takes the kind that the table holds, and
            micro-expressions of a table that holds both.

    Returns:
        The rows; a release without clips, with one issue for all rows of the other kind
        and one for each row that names neither; and the kind, None if the table does
        not name it.

    Raises:
        MERDataError: Only the name of the file or sheet tells the kind, and it is the
            other one, or no row is of the kind.
    """
    release = ParsedRelease(rows=len(table.rows), spreadsheet=table.title)
    for name in table.skipped:
        reason = f'is named as a sheet of {kind_in_name(name)}-expressions: not read'
        release.issues.append(Issue(None, name, 'kind', 'noted', reason))
    kinds = {row.cells['kind'] for row in table.rows if 'kind' in row.cells}
    if not kinds:
        _check_names(table, wanted)
        return table.rows, release, None
    if wanted is None:
        choices: tuple[Kind, ...] = ('micro', 'macro')
        wanted = next((kind for kind in choices if kind in kinds), None)
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
            reason = f'is {found}, neither micro nor macro: left out'
            issue = Issue(row.number, row.title, 'kind', 'skipped', reason)
            release.issues.append(issue)
    if others:
        kind = others[0].cells['kind']
        reason = (
            f'{len(others)} rows of {kind}-expressions are left out (rows '
            f'{others[0].number} to {others[-1].number}), {len(rows)} of '
            f'{wanted}-expressions are read'
        )
        release.issues.append(Issue(None, table.title, 'kind', 'noted', reason))
    if others and not rows:
        raise MERDataError(
            f'no row is a {wanted}-expression, {len(others)} are of the other kind',
            path=table.path,
            hint='give the right sheet with --sheet',
        )
    release.rows -= len(others)
    return tuple(rows), release, wanted


def _check_names(table: Table, wanted: Kind | None) -> None:
    named = kind_in_name(table.sheet) or kind_in_name(table.path.name)
    if wanted is not None and named not in (None, wanted):
        raise MERDataError(
            f'{quote(table.title)} is named as a table of {named}-expressions, but '
            f'{wanted}-expressions are needed',
            path=table.path,
            hint='give their sheet with --sheet, or add a column "type" that says '
            'micro or macro',
        )
