"""The results of a run: pooled, printed, and saved."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine

from ...evaluation.summary import summarize_run, summarize_seeds
from ...evaluation.summary_text import format_summary
from ...utils.json_files import write_json
from ...version import __version__, installed_versions
from ..work_dir.fold_folder import FoldFolder
from ..work_dir.work_dir import check_one_run
from .tasks import SeedRun


def training_cost(done: Sequence[FoldFolder]) -> dict[str, Any]:
    """Sum up the cost of training from the ``fold.json`` of folds.

    Returns:
        ``strategy``: how they were trained; ``clips_trained``: a clip counts each
        time it is trained on; ``training_s``: seconds in training loops, summed over
        processes; ``clips_per_s`` of such a second; ``gpu_hours``: the part of them
        on GPUs.
    """
    states = [folder.state() for folder in done]
    clips = sum(state.get('clips_trained', 0) for state in states)
    seconds = sum(state.get('wall_time_s', 0) for state in states)
    on_gpu = [
        state.get('wall_time_s', 0)
        for state in states
        if state.get('device', 'cpu') != 'cpu'
    ]
    return {
        'strategy': _all_of(states, 'strategy'),
        'clips_trained': clips,
        'training_s': round(seconds, 3),
        'clips_per_s': round(clips / seconds, 3) if seconds else None,
        'gpu_hours': round(sum(on_gpu) / 3600, 4),
    }


def _all_of(states: Sequence[Mapping[str, Any]], key: str) -> str:
    """Join the different values of a field of several folds."""
    return ', '.join(sorted({str(state[key]) for state in states if key in state}))


def pool_results(
    run: SeedRun,
    trained: Sequence[FoldFolder],
    scored: Sequence[FoldFolder],
    path: Path,
    facts: dict[str, Any],
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Pool the predictions of folds; print and save the results.

    Args:
        run: The run.
        trained: The folders of the folds as they were trained.
        scored: The folders with their predictions: the same ones, or others.
        path: JSON file for the results.
        facts: Added to the results.
        missing: Folds that are missing in the results, as in :meth:`SeedRun.missing`.
            Defaults to ().

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
            f'note: the pre-trained weights have seen tested subjects of '
            f'{", ".join(plan.seen)}',
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
    parameters = extra['parameters']
    wall_time = facts.get('wall_time_s')
    print(
        f'trainable parameters: {parameters["trainable"]:,} of '
        f'{parameters["total"]:,}\n'
        + (f'wall time: {wall_time:.0f} s\n' if wall_time is not None else '')
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
    """Summarize the results of several seeds; print and save the summary.

    Args:
        runs: The run of each seed.
        results: The results of each seed.
        scored: The folders with the predictions of each seed.
        path: JSON file for the summary.
        facts: Added to the summary.
        missing: Folds that some seed lacks. The summary leaves them out for all seeds,
            since a mean over seeds is over the same clips. Defaults to ().

    Returns:
        The summary as saved; empty if no fold is done in every seed.
    """
    common = set.intersection(*({folder.name for folder in one} for one in scored))
    if missing and not common:
        print('no summary over seeds: no fold is done in all of them', flush=True)
        return {}
    if missing:
        # A complete seed is scored without the folds that another one lacks.
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
    """Return the versions of this package, Python, and the host stack."""
    return {
        'mmaction_mer': __version__,
        'python': platform.python_version(),
        **installed_versions(),
    }


def join_dumps(
    evaluators: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    scored: Sequence[FoldFolder],
) -> None:
    """Join the files that mmengine's ``DumpResults`` wrote for each fold.

    Args:
        evaluators: ``test_evaluator`` of the config, which names the joined file.
        scored: The folders with the files, which are removed.
    """
    listed = [evaluators] if isinstance(evaluators, Mapping) else evaluators or []
    for metric in listed:
        if metric.get('type') != 'DumpResults':
            continue
        parts = [folder.path / 'dump.pkl' for folder in scored]
        # These pickles were written by this very run.
        mmengine.dump(sum(map(mmengine.load, parts), []), metric['out_file_path'])
        for part in parts:
            part.unlink()
