"""The cells of an ablation table as plain text, and the words around them."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

from .summary import SELECTIONS

#: What a cell without a number says.
NONE = '-'
_REASON = 200


def heading(table: Mapping[str, Any]) -> list[str]:
    """Say on what and how the rows were measured.

    Returns:
        Two lines or three, as plain text.
    """
    base = f'Base: {table.get("base", "")}'
    if options := table.get('options'):
        base += ', with ' + ', '.join(f'{key}={options[key]}' for key in options)
    found = table['measured']
    if found is None:
        return ['Nothing is measured yet.', base + '.']
    seeds = ', '.join(map(str, found['seeds']))
    folds = found['folds']
    parts = [
        ', '.join(found['datasets']),
        f'{found["clips"]} clips',
        f'{found["subjects"]} subjects',
        f'seed{"s" if len(found["seeds"]) > 1 else ""} {seeds}',
        f'chance {100 * found["chance"]:.1f} %',
        f"majority {100 * found['majority']:.1f} % ('{found['majority_class']}')",
        f'protocol {_protocol(found["protocol"])}',
    ]
    if folds and folds['done'] < folds['of']:
        parts.append(f'{folds["done"]} of {folds["of"]} folds alone')
    lines = ['; '.join(parts) + '.']
    return [*lines, f'{base}. Model of each fold: {SELECTIONS[found["selection"]]}.']


def notes(table: Mapping[str, Any]) -> list[str]:
    """Say below a table how its numbers are to be read."""
    lines = ['Acc and UF1 in percent, means over the seeds.']
    found = table['measured']
    if found:
        level = f'{100 * found["interval_level"]:.0f} %'
        lines = [
            f'Acc and UF1 in percent, means over the seeds, with {level} intervals by '
            f'resampling subjects; the deviation over seeds is Acc / UF1.'
        ]
    if table['reference'] and found:
        lines.append(
            f'Differences are from "{table["reference"]}", of the same clips, the same '
            f'draw of subjects on both sides; not corrected for the number of rows.'
        )
    if _paper_keys(table):
        paper = table.get('paper') or {}
        where = paper.get('dataset', 'its own data')
        lines.append(
            f'The columns "{_source(table)}" are what {paper.get("source")} says of '
            f'{where} (Acc and F1 in percent): not measured here, of another training'
            + (' and of other data.' if _other_data(table) else '.')
        )
    for row in table['rows']:
        if row.get('note'):
            lines.append(f'{row["name"]}: {row["note"]}.')
    return lines


def columns(table: Mapping[str, Any]) -> list[str | tuple[str, str, str]]:
    """Name the columns; of the paper's: the group, the name with it, without it."""
    level = f'{100 * (table["measured"] or {}).get("interval_level", 0.95):.0f} %'
    names: list[str | tuple[str, str, str]] = [
        'row', 'learns', 'Acc', f'Acc, {level} interval', 'UF1',
        f'UF1, {level} interval', 'sd over seeds',
    ]  # fmt: skip
    if table['reference']:
        names += ['Acc vs reference', 'UF1 vs reference']
    names.append('training, s')
    words = {'acc': 'Acc', 'f1': 'F1', 'millions': 'learns, M'}
    for key in _paper_keys(table):
        source = _source(table)
        names.append((source, f'{source}: {words[key]}', words[key]))
    return names


def cells(table: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Write the cells of a row, as plain text."""
    mark = f', {SELECTIONS["test"]}' if row.get('selection') == 'test' else ''
    written = [f'{row["name"]}{mark}']
    against = ['', ''] if table['reference'] else []
    if row['status'] != 'done':
        written += [shorten(flat(row['status']), _REASON), *[NONE] * (6 + len(against))]
    else:
        learns = row['learns']
        written.append(NONE if learns is None else f'{learns:,}')
        for name in ('acc', 'uf1'):
            written += [
                f'{100 * row[name]["value"]:.2f}',
                _range(row[name]['interval']),
            ]
        spread = [row[name]['deviation'] for name in ('acc', 'uf1')]
        written.append(
            NONE
            if None in spread
            else ' / '.join(f'{100 * value:.2f}' for value in spread)
        )
        if against:
            written += _apart(row, table['reference'])
        took = row['training_s']
        written.append(NONE if took is None else f'{took:,.{0 if took >= 100 else 1}f}')
    for key in _paper_keys(table):
        value = row['paper'].get(key)
        digits = 2 if key != 'millions' else 3 if value and value < 0.1 else 1
        written.append(NONE if value is None else f'{value:.{digits}f}')
    return written


def _apart(row: Mapping[str, Any], reference: str) -> list[str]:
    if row['name'] == reference:
        return ['reference', 'reference']
    against = row.get('against')
    if not against:
        return [NONE, NONE]
    cells = []
    for name in ('acc', 'uf1'):
        part = against[name]
        ends = _range(part['interval'], '+')
        cells.append(f'{100 * part["difference"]:+.2f} ({ends})')
    return cells


def _range(ends: Sequence[float] | None, sign: str = '') -> str:
    if ends is None:
        return NONE
    low, high = (f'{100 * end:{sign}.2f}' for end in ends)
    return f'{low} to {high}'


def _paper_keys(table: Mapping[str, Any]) -> list[str]:
    """Which of the paper's numbers the rows have."""
    given = {key for row in table['rows'] for key in row['paper']}
    return [key for key in ('acc', 'f1', 'millions') if key in given]


def _source(table: Mapping[str, Any]) -> str:
    paper = table.get('paper') or {}
    dataset = f' ({paper["dataset"]})' if paper.get('dataset') else ''
    return f'paper{dataset}'


def _other_data(table: Mapping[str, Any]) -> bool:
    dataset = (table.get('paper') or {}).get('dataset', '')
    found = table['measured']
    return bool(found) and [dataset.lower()] != [
        one.lower() for one in found['datasets']
    ]


def _protocol(protocol: Any) -> str:
    if isinstance(protocol, Mapping):
        return ', '.join(
            str(value) if key == 'type' else f'{key} {value}'
            for key, value in protocol.items()
        )
    return str(protocol or 'not known')


def flat(text: str) -> str:
    """Bring a text onto one line."""
    return ' '.join(str(text).split())
