"""The files of an ablation table: Markdown, LaTeX, JSON and a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..evaluation.ablation_table import RowResult, build_table
from ..evaluation.ablation_text import to_latex, to_markdown
from ..utils.files import atomic_write
from ..utils.json_files import write_json
from .ablation import Table
from .ablation_runs import standing, stored
from .ablation_trials import Trial


def write_table(
    table: Table,
    trials: Sequence[Trial],
    out: Path,
    base: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Write a table of what is done, as Markdown, LaTeX, JSON and a picture.

    Args:
        table: The table.
        trials: Its rows.
        out: The files are in ``out/<base>/``.
        base: What stood in the place of the table's base.
        options: ``--cfg-options`` of all rows.

    Returns:
        The Markdown file.
    """
    # Imported here: matplotlib takes a second that few processes need to spend.
    from ..visualization.ablation_figure import plot_ablation
    from ..visualization.saving import save_figure

    base = Path(base or table.base)
    rows = []
    for trial in trials:
        found = None if trial.failure() else stored(trial)
        rows.append(
            RowResult(
                name=trial.row.name,
                summary=found.summary if found else None,
                lines=found.lines if found else None,
                status='done' if found else standing(trial),
                paper=trial.row.paper,
                x=trial.row.x,
                changes=trial.changes,
            )
        )
    content = build_table(
        rows,
        table.reference,
        name=table.name,
        title=table.title,
        base=base.name,
        options={key: str(value) for key, value in (options or {}).items()},
        paper={**table.paper, 'unit': 'percent'} if table.paper else {},
        x_label=table.x_label,
    )
    start = Path(out, base.stem, table.name)
    write_json(start.with_suffix('.json'), content)
    atomic_write(start.with_suffix('.tex'), to_latex(content))
    save_figure(plot_ablation(content), start.with_suffix('.png'))
    return atomic_write(start.with_suffix('.md'), to_markdown(content))
