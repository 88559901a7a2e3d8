"""What a run ends with: pooled results, printed and saved."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine

from ...evaluation.functional import scores
from ...evaluation.summary import SELECTIONS, summarize_run, summarize_seeds
from ...evaluation.summary_text import format_summary
from ...utils.errors import MERDataError, MERRunError
from ...utils.json_files import write_json
from ...version import __version__, installed_versions
from ..work_dir.fold_folder import FoldFolder
from .plan import check_one_run
from .tasks import SeedRun


def pooled_so_far(runs: Sequence[SeedRun]) -> str:
    """Score the predictions of the folds that are done, for a progress bar.

    What does not fit is left out and told: the end of the run names it, and training
    goes on.
    """
    plan = runs[0].plan
    lines, left_out = [], 0
    for run in runs:
        for fold in plan.folds:
            folder = run.folder(fold)
            try:
                lines += run.read(folder) if folder.done() else []
            except (MERDataError, MERRunError):
                left_out += 1
    without = f'without {left_out} damaged fold(s)' if left_out else ''
    if not lines:
        return without
    pooled = scores(
        [line['label'] for line in lines],
        [line['prediction'] for line in lines],
        len(plan.classes),
    )
    text = f'acc {100 * pooled["acc"]:.1f} %, uf1 {100 * pooled["uf1"]:.1f} %'
    notes = [SELECTIONS['test'] if plan.select == 'test' else '', without]
    return ', '.join(filter(None, [text, *notes]))


def training_cost(done: Sequence[FoldFolder]) -> dict[str, Any]:
    """Say what training took, by what the folds say themselves, whoever trained them.

    Args:
        done: The folders of all folds of the result.

    Returns:
        ``strategy``: how they were trained; ``clips_trained``: a clip counts each
        time it is trained on; ``training_s``: seconds in training loops, of several
        processes added up; ``clips_per_s`` of such a second; ``gpu_hours``: those of
        them that a GPU was held for.
    """
    states = [folder.state() for folder in done]
    clips = sum(state.get('clips_trained', 0) for state in states)
    seconds = sum(state.get('wall_time_s', 0) for state in states)
    held = [
        state.get('wall_time_s', 0)
        for state in states
        if state.get('device', 'cpu') != 'cpu'
    ]
    return {
        'strategy': _all_of(states, 'strategy'),
        'clips_trained': clips,
        'training_s': round(seconds, 3),
        'clips_per_s': round(clips / seconds, 3) if seconds else None,
        'gpu_hours': round(sum(held) / 3600, 4),
    }


def _all_of(states: Sequence[Mapping[str, Any]], key: str) -> str:
    """Join the different values that folds have of something."""
    return ', '.join(sorted({str(state[key]) for state in states if key in state}))


def pool_results(
    run: SeedRun,
    trained: Sequence[FoldFolder],
    scored: Sequence[FoldFolder],
    path: Path,
    facts: dict[str, Any],
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Pool the predictions of folds; print and save the result.

    Args:
        run: The run.
        trained: The folders of the folds as they were trained.
        scored: The folders with their predictions: the same ones, or others.
        path: Where the results go, as JSON.
        facts: Added to the results.
        missing: Folds that should be in the result and are not, as in ``SeedRun.missing``.

    Returns:
        The results as saved.

    Raises:
        MERRunError: The folds are not of one run.
        MERDataError: Predictions are not of the clips of their fold.
    """
    plan = run.plan
    check_one_run(trained)
    states = [folder.state() for folder in trained]
    names = [folder.name for folder in trained]
    seconds = [state.get('wall_time_s') for state in states]
    if plan.seen:
        facts = {**facts, 'tested_on_subjects_seen_in_pretraining': list(plan.seen)}
        print(
            f'note, the pre-trained weights have seen the subjects of '
            f'{", ".join(plan.seen)} that are tested on',
            flush=True,
        )
    extra = {
        **facts,
        'folds': {'done': names, 'of': len(plan.folds)},
        'fold_seconds': dict(zip(names, seconds, strict=True)),
        'protocol': plan.config['loso']['protocol'],
        'fingerprint': states[0]['fingerprint'],
        'parameters': states[0]['parameters'],
        'versions': {
            **versions(),
            'device': _all_of(states, 'device'),
            'threads': _all_of(states, 'threads'),
        },
    }
    results = summarize_run(
        {folder.name: run.read(folder) for folder in scored},
        plan.classes,
        selection=states[0]['selection'],
        seeds=sorted({state['seed'] for state in states}),
        extra=extra,
        missing=missing,
    )
    write_json(path, results)
    print(format_summary(results))
    print(f'{len(names)} of {len(plan.folds)} folds')
    learned = extra['parameters']
    took = facts.get('wall_time_s')
    print(
        f'trainable parameters: {learned["trainable"]:,} of {learned["total"]:,}\n'
        + (f'wall time: {took:.0f} s\n' if took is not None else '')
        + f'results: {path}',
        flush=True,
    )
    return results


def pool_seeds(
    runs: Sequence[SeedRun],
    results: Sequence[Mapping[str, Any]],
    scored: Sequence[Sequence[FoldFolder]],
    path: Path,
    facts: dict[str, Any],
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Summarise the results of several seeds; print and save the summary.

    Args:
        runs: The run of each seed.
        results: The results of each seed.
        scored: The folders with the predictions of each seed.
        path: Where the summary goes, as JSON.
        facts: Added to the summary.
        missing: Folds that some seed lacks. The others lack them in the summary too,
            since a mean over seeds is one over the same clips.

    Returns:
        The summary as saved; empty where no fold is done in every seed.
    """
    common = set.intersection(*({folder.name for folder in one} for one in scored))
    if missing and not common:
        print('no summary over seeds: no fold is done in all of them', flush=True)
        return {}
    if missing:
        # A seed that lacks nothing is scored without what another one lacks.
        scored = [[one for one in folders if one.name in common] for folders in scored]
    folds = {
        run.plan.seed: {one.name: run.read(one) for one in folders}
        for run, folders in zip(runs, scored, strict=True)
    }
    by_seed = dict(zip(folds, results, strict=True))
    summary = summarize_seeds(folds, by_seed, facts, missing)
    write_json(path, summary)
    print(format_summary(summary))
    print(f'results: {path}', flush=True)
    return summary


def versions() -> dict[str, Any]:
    """Name what a result was computed with."""
    return {
        'mmaction_mer': __version__,
        'python': platform.python_version(),
        **installed_versions(),
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
