"""Scores of stored predictions, for ``tools/analysis/score.py``."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..datasets.annotation import read_annotation
from ..engine.work_dir.fold_check import read_fold
from ..engine.work_dir.fold_folder import FoldFolder
from ..engine.work_dir.work_dir import WorkDir
from ..evaluation.predictions import read_predictions, write_megc_log
from ..evaluation.summary import SELECTIONS, summarize_run
from ..evaluation.summary_text import format_summary
from ..utils.errors import MERDataError
from ..utils.json_files import write_json
from ..utils.text import printable_name, quote

FILE = 'predictions.jsonl'
#: Returns the reader of a work directory, cached by path.
WorkDirOf = Callable[[Path], WorkDir]


def find_files(path: Path) -> dict[str, Path]:
    """Find the prediction files of a path, by name of their fold.

    Args:
        path: A predictions file, the folder of a fold, or a work directory.

    Raises:
        MERDataError: There is none.
    """
    if path.is_file():
        return {_real(path).parent.name if path.name == FILE else path.stem: path}
    if (path / FILE).is_file():
        return {_real(path).name: path / FILE}
    folder = path / 'folds' if (path / 'folds').is_dir() else path
    files = {}
    for fold in sorted(folder.iterdir()) if folder.is_dir() else []:
        status = FoldFolder(fold).state().get('status')
        if status == 'done' or (status is None and (fold / FILE).is_file()):
            files[fold.name] = fold / FILE
        elif fold.is_dir():
            print(
                f'fold {printable_name(fold.name)}: not finished, left out',
                file=sys.stderr,
            )
    planned = WorkDir(path).plan.get('folds', {})
    for name in planned if folder != path else ():
        if not (folder / name).is_dir():
            print(f'fold {printable_name(name)}: not found, left out', file=sys.stderr)
    if not files:
        raise MERDataError(f'there is no {FILE} here or in folds/', path=path)
    return files


def stored_settings(
    files: Iterable[Path], work_dir_of: WorkDirOf
) -> dict[str, set[Any]]:
    """Collect classes, selections and seeds of the runs that wrote the files."""
    results_of = functools.cache(WorkDir.results)  # once per run, not per fold
    stored: dict[str, set[Any]] = {'classes': set(), 'selection': set(), 'seeds': set()}
    for file in files:
        fold = _real(file).parent
        run = work_dir_of(fold.parent.parent)
        pooled = results_of(run)
        classes = run.plan.get('classes') or pooled.get('classes')
        if classes:
            stored['classes'].add(tuple(classes))
        state = FoldFolder(fold).state()
        selection = state.get('selection') or pooled.get('selection')
        if selection:
            stored['selection'].add(selection)
        stored['seeds'] |= (
            {state['seed']} if 'seed' in state else {*pooled.get('seeds', ())}
        )
    return stored


def _real(path: Path) -> Path:
    """Resolve symbolic links; unlike ``Path.resolve``, circular ones do not raise."""
    return Path(os.path.realpath(path))


def read_file(file: Path, work_dir_of: WorkDirOf) -> list[dict[str, Any]]:
    """Read predictions, and check those of a run against its plan."""
    folder = FoldFolder(_real(file).parent)
    if file.name != FILE or not folder.state():
        return read_predictions(file)
    # A copied folder of a fold has no plan to check against.
    if folder.path.parent.name != 'folds':
        return read_fold(folder)
    return work_dir_of(folder.path.parent.parent).predictions(folder)


def choose(field: str, given: Any, stored: set[Any]) -> Any:
    """Return the given setting, or the stored one if it is None.

    Raises:
        MERDataError: Given and stored settings differ, or stored ones among themselves.
    """
    if len(stored) > 1:
        raise MERDataError(
            f'differs between these folds: {", ".join(map(quote, stored))}',
            field=field,
            hint='score them separately',
        )
    if given is not None and stored and given not in stored:
        raise MERDataError(
            f'is given as {given}, but stored as {quote(stored.pop())}', field=field
        )
    return given if given is not None else next(iter(stored), None)


def print_scores(args: argparse.Namespace) -> None:
    """Read predictions, score them and print the result."""
    files: dict[str, Path] = {}
    for path in args.paths:
        for fold, file in find_files(path).items():
            if fold in files:
                raise MERDataError(
                    f'fold {printable_name(fold)} has two files, {files[fold]} and '
                    f'{file}'
                )
            files[fold] = file
    work_dir_of = functools.cache(WorkDir)  # reads a plan once per run, not per fold
    stored = stored_settings(files.values(), work_dir_of)
    selection = choose('selection', args.selection, stored['selection'])
    if selection is None:
        raise MERDataError(
            'is not stored with these predictions',
            field='selection',
            hint=f'add --selection, one of {", ".join(SELECTIONS)}',
        )
    by_fold = {fold: read_file(file, work_dir_of) for fold, file in files.items()}
    given = args.classes
    if args.annotation:
        given = read_annotation(args.annotation)['metainfo']['classes']
    classes = choose('classes', tuple(given) if given else None, stored['classes'])
    if classes is None:
        count = len(next(iter(by_fold.values()))[0]['probabilities'])
        classes = tuple(f'class {index}' for index in range(count))
    results = summarize_run(by_fold, classes, selection, sorted(stored['seeds']))
    print(format_summary(results))
    if args.out:
        print(f'written: {write_json(args.out, results)}')
    if args.megc_log:
        lines = [line for lines in by_fold.values() for line in lines]
        print(f'written: {write_megc_log(args.megc_log, lines)}')
