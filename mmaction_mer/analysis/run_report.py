"""The report of a run: the content of a work directory as one HTML file."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config

from ..engine.work_dir.layout import RESULTS, seed_folders
from ..engine.work_dir.stored_run import check_results
from ..engine.work_dir.work_dir import WorkDir
from ..evaluation.summary import SELECTIONS
from ..utils.errors import MERRunError
from ..utils.files import atomic_write
from .run_figures import read_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = 'report.html'
#: Number of mistakes in the report.
SHOWN_MISTAKES = 8


def write_page(work_dir: str | Path, cfg: Config) -> Path:
    """Write ``report.html`` from the content of a work directory.

    Reads ``results.json``, ``config.py``, ``clip.png`` and ``figures/`` of the run and
    the predictions of its finished folds, in ``folds/`` or in ``seed<k>/folds/``. The
    clips of the most confident mistakes are read through ``cfg.test_dataloader``; for
    one that cannot be read, the report has the reason in place of images. The states
    of the random generators are preserved.

    Args:
        work_dir: Work directory of a run, of one seed or of several.
        cfg: Config of the run.

    Returns:
        Path of the report.

    Raises:
        MERRunError: There are no results, they do not match the predictions, or no fold
            is finished.
        MERDataError: The predictions cannot be read, or are of other clips than those
            of the run.
    """
    # Imported here: matplotlib takes a second that most processes do not need to spend.
    from .mistakes import load_mistakes
    from .report_html import report_page

    work_dir = Path(work_dir)
    path = work_dir / RESULTS
    reader = WorkDir(work_dir)
    results = reader.results()
    if not results:
        raise MERRunError(
            'there are no results yet',
            path=path,
            hint=f'finish the run with --resume, or pool its folds:  python '
            f'tools/analysis/score.py {work_dir} --out {path}',
        )
    if 'per_seed' in results:
        # Only the seeds of the scores: others may have been started since.
        runs = reader.runs(results['seeds'])
    else:
        runs = {0: reader.run()}
    clips = len(next(iter(runs.values())).lines)
    notes = []
    # A summary over seeds leaves out the clips that a seed lacks, and reports them.
    if not results.get('missing') and any(
        len(run.lines) != results.get('clips') for run in runs.values()
    ):
        notes.append(
            f'The predictions on disk are of {clips} clips, the scores of '
            f'{results.get("clips")}: folds were added or removed after the scores '
            f'were written. Resume the run to update them.'
        )
    else:
        check_results(path, results, runs)
    figures, stale = read_figures(work_dir, runs.values())
    lines = [run.lines for run in runs.values()]
    # Without the offset, which looks like the onset, to keep the page small.
    mistakes = [
        replace(one, images=[*one.images[:2], *one.images[3:]])
        for one in load_mistakes(lines, cfg, SHOWN_MISTAKES)
    ]
    try:
        page = report_page(
            results,
            _images(work_dir, results),
            mistakes,
            _config_text(work_dir),
            work_dir.resolve().name,
            [*notes, *stale],
            figures,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MERRunError(
            f'is not a results file of this version ({type(error).__name__}: {error})',
            path=path,
            hint='score the folds again with tools/analysis/score.py --out, or resume '
            'the run',
        ) from error
    return atomic_write(work_dir / PAGE, page)


def confusion_figure(results: Mapping[str, Any]) -> 'Figure':
    """Draw the confusion matrix of the results of a run."""
    from ..visualization.confusion import plot_confusion

    title = SELECTIONS['test'] if results['selection'] == 'test' else ''
    return plot_confusion(results['confusion'], results['classes'], title)


def _images(work_dir: Path, results: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the confusion matrix and of the example clip."""
    buffer = io.BytesIO()
    confusion_figure(results).savefig(buffer, format='png', dpi=110, facecolor='white')
    images = {'confusion': buffer.getvalue()}
    if (clip := _first_file(work_dir, 'clip.png')) is not None:
        images['clip'] = clip.read_bytes()
    return images


def _config_text(work_dir: Path) -> str:
    path = _first_file(work_dir, 'config.py')
    return path.read_text(encoding='utf-8', errors='replace') if path else ''


def _first_file(work_dir: Path, name: str) -> Path | None:
    """Find a file of the run, or of its first seed that has one."""
    folders = [work_dir, *seed_folders(work_dir).values()]
    return next((one / name for one in folders if (one / name).is_file()), None)
