"""What a run ends with: pooled results, printed, saved and drawn."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine
import torch

from ..evaluation.functional import scores
from ..evaluation.predictions import read_predictions
from ..evaluation.report import SELECTIONS, format_report, pool, save_results
from ..evaluation.seeds import format_seeds, summarize_seeds
from ..utils import write_json
from ..version import __version__, installed_versions
from .fold_folder import FoldFolder
from .loso_plan import Plan, check_one_run
from .run import Run


def pooled_so_far(runs: Sequence[Run]) -> str:
    """Score the predictions of the folds that are done, for a progress bar."""
    plan = runs[0].plan
    done = [folder for run in runs for folder in run.done()]
    lines = [line for folder in done for line in read_predictions(folder.predictions)]
    if not lines:
        return ''
    pooled = scores(
        [line['label'] for line in lines],
        [line['prediction'] for line in lines],
        len(plan.classes),
    )
    text = f'acc {100 * pooled["acc"]:.1f} %, uf1 {100 * pooled["uf1"]:.1f} %'
    return f'{text}, {SELECTIONS["test"]}' if plan.select == 'test' else text


def what_it_took(
    done: Sequence[FoldFolder],
    now: Sequence[FoldFolder],
    seconds: float,
    strategy: str,
) -> dict[str, Any]:
    """Say what training took.

    Args:
        done: The folders of all folds of the result.
        now: Those of the folds that this sitting trained.
        seconds: How long the sitting was.
        strategy: How the folds were trained.

    Returns:
        ``wall_time_s`` of this sitting, ``clips_trained`` by all folds (a clip
        counts each time it is trained on), ``clips_per_s`` of the folds of this
        sitting (None if it trained none), and ``gpu_hours`` of all folds.
    """
    clips = {folder.path: folder.state().get('clips_trained', 0) for folder in done}
    fresh = sum(clips.get(folder.path, 0) for folder in now)
    hours = sum(folder.state().get('wall_time_s', 0) for folder in done) / 3600
    return {
        'wall_time_s': round(seconds, 3),
        'strategy': strategy,
        'clips_trained': sum(clips.values()),
        'clips_per_s': round(fresh / seconds, 3) if fresh else None,
        'gpu_hours': round(hours, 4) if torch.cuda.is_available() else 0.0,
    }


def conclude(
    plan: Plan,
    trained: Sequence[FoldFolder],
    scored: Sequence[FoldFolder],
    path: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Pool the predictions of folds; print, save and draw the result.

    Args:
        plan: The plan of the run.
        trained: The folders of the folds as they were trained.
        scored: The folders with their predictions: the same ones, or others.
        path: Where the results go, as JSON; the picture goes beside it.
        facts: Added to the results.

    Returns:
        The results as saved.

    Raises:
        MERRunError: The folds are not of one run.
    """
    check_one_run(trained)
    states = [folder.state() for folder in trained]
    names = [folder.name for folder in trained]
    seconds = [state.get('wall_time_s') for state in states]
    extra = {
        **facts,
        'folds': {'done': names, 'of': len(plan.folds)},
        'fold_seconds': dict(zip(names, seconds, strict=True)),
        'protocol': plan.config['loso']['protocol'],
        'fingerprint': states[0]['fingerprint'],
        'parameters': states[0]['parameters'],
        'versions': {**versions(), 'threads': states[0].get('threads')},
    }
    results = pool(
        {folder.name: read_predictions(folder.predictions) for folder in scored},
        plan.classes,
        selection=states[0]['selection'],
        seeds=sorted({state['seed'] for state in states}),
        extra=extra,
    )
    save_results(path, results)
    picture = draw(results, path)
    print(format_report(results))
    print(f'{len(names)} of {len(plan.folds)} folds')
    learned = extra['parameters']
    print(
        f'trainable parameters: {learned["trainable"]:,} of {learned["total"]:,}\n'
        f'wall time: {facts["wall_time_s"]:.0f} s\n'
        f'results: {path}\nconfusion matrix: {picture}',
        flush=True,
    )
    return results


def conclude_seeds(
    runs: Sequence[Run],
    results: Sequence[Mapping[str, Any]],
    scored: Sequence[Sequence[FoldFolder]],
    path: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Summarise the results of several seeds; print, save and draw the summary.

    Args:
        runs: The run of each seed.
        results: The results of each seed.
        scored: The folders with the predictions of each seed.
        path: Where the summary goes, as JSON; the picture goes beside it.
        facts: Added to the summary.

    Returns:
        The summary as saved.
    """
    seeds = [run.plan.seed for run in runs]
    lines = [
        [line for folder in one for line in read_predictions(folder.predictions)]
        for one in scored
    ]
    summary = summarize_seeds(
        dict(zip(seeds, results, strict=True)),
        dict(zip(seeds, lines, strict=True)),
        facts,
    )
    write_json(path, summary)
    picture = draw(summary, path)
    print(format_seeds(summary))
    print(f'results: {path}\nconfusion matrix: {picture}', flush=True)
    return summary


def draw(results: Mapping[str, Any], path: Path) -> Path:
    """Draw the confusion matrix beside the results file."""
    # Imported here: matplotlib takes a second that few processes need to spend.
    from ..visualization import plot_confusion, save_figure

    picture = path.with_name(path.stem.replace('results', 'confusion') + '.png')
    title = SELECTIONS['test'] if results['selection'] == 'test' else ''
    figure = plot_confusion(results['confusion'], results['classes'], title)
    save_figure(figure, picture)
    return picture


def versions() -> dict[str, Any]:
    """Name what a result was computed with."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu'
    return {
        'mmaction_mer': __version__,
        'python': platform.python_version(),
        **installed_versions(),
        'device': device,
    }


def join_dumps(
    evaluators: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    scored: Sequence[FoldFolder],
) -> None:
    """Join what mmengine's ``DumpResults`` wrote per fold into the file asked for.

    Args:
        evaluators: ``test_evaluator`` of the config.
        scored: The folders that hold the parts, which are removed.
    """
    listed = [evaluators] if isinstance(evaluators, Mapping) else evaluators or []
    for metric in listed:
        if metric.get('type') != 'DumpResults':
            continue
        parts = [folder.path / 'dump.pkl' for folder in scored]
        # Written by this very run a moment ago.
        mmengine.dump(sum(map(mmengine.load, parts), []), metric['out_file_path'])
        for part in parts:
            part.unlink()
