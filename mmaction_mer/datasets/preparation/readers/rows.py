"""Parse the rows of a table as clips."""

from collections.abc import Callable
from typing import Any

from ..issues import Action, Clip, Issue
from ..sheets import cells
from ..sheets.tables import Row


class RowParser:
    """Parse the cells of one row, and collect what is wrong with them.

    A cell that cannot be parsed leaves its row out: its value is unknown, which is not
    the same as empty.

    Args:
        row: The row.

    Attributes:
        clip (str): Name of the row in messages.
    """

    def __init__(self, row: Row) -> None:
        self.clip = row.title
        self._row = row
        self._problems = [('row', row.problem)] if row.problem else []
        self._notes: list[tuple[str, Action, str]] = []

    @property
    def valid(self) -> bool:
        """Whether nothing has been wrong so far."""
        return not self._problems

    def parse(self, field: str, parser: Callable[[Any], Any]) -> Any:
        """Return the value of a cell; None if it cannot be parsed."""
        try:
            return parser(self._row.cells[field])
        except cells.CellError as error:
            self.fail(field, str(error))
            return None

    def parse_optional(self, field: str, parser: Callable[[Any], Any]) -> Any:
        """Return the value of a cell that the clip can do without."""
        try:
            return parser(self._row.cells[field])
        except cells.CellError as error:
            self.note(field, 'repaired', f'{error}: set to unknown')
            return None

    def note(self, field: str, action: Action, reason: str) -> None:
        """Add an issue of this row, to be reported if it becomes a clip."""
        self._notes.append((field, action, reason))

    def fail(self, field: str, reason: str) -> None:
        """Add a reason why this row cannot become a clip."""
        self._problems.append((field, reason))

    def issues(self) -> list[Issue]:
        """Return the issues; a row that is left out has one for all its problems."""
        found: list[tuple[str, Action, str]] = [
            (what, 'noted', f'one merged cell for rows {self._row.number} to {last}')
            for what, last in self._row.merged.items()
        ]
        if self._problems:
            (first, reason), *others = self._problems
            more = ''.join(f'; {what} {why}' for what, why in others)
            if {'clip', 'emotion'} <= {what for what, _ in self._problems}:
                more += ' (a total or a note, not a clip?)'
            found.append((first, 'skipped', reason + more))
        else:
            found += self._notes
        return [Issue(self._row.number, self.clip, *one) for one in found]


def parse_clip(
    row: Row, subject: Callable[[Any], str], apex_required: bool = True
) -> tuple[Clip, RowParser]:
    """Parse a row as far as possible.

    Args:
        row: Cells ``subject``, ``clip``, ``emotion``, ``onset`` and ``offset``;
            ``apex``, ``aus`` and ``fps`` if the table has them.
        subject: Returns the canonical name of a subject; raises CellError if there is
            none.
        apex_required: Whether an empty apex is reported. Defaults to True.

    Returns:
        The clip, with ``'?'`` for names that cannot be parsed, and the parser.
    """
    parser = RowParser(row)
    who = parser.parse('subject', subject) or '?'
    name = parser.parse('clip', cells.name) or '?'
    parser.clip = f'{who}/{name}'
    emotion = parser.parse('emotion', cells.name)
    onset, offset = (parser.parse(field, cells.frame) for field in ('onset', 'offset'))
    apex, aus, fps = None, None, None
    if 'apex' in row.cells:
        apex = parser.parse('apex', cells.apex)
        if apex is None and (apex_required or cells.text_or_empty(row.cells['apex'])):
            parser.note('apex', 'repaired', 'not given: set to unknown')
    if 'aus' in row.cells:
        aus = parser.parse_optional('aus', cells.action_units)
    if 'fps' in row.cells:
        fps = parser.parse('fps', cells.rate)
    clip = Clip(
        subject=who,
        name=name,
        emotion=emotion or '?',
        path=None,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=aus or (),
        row=row.number,
        fps=fps,
    )
    return clip, parser
