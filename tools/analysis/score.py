"""Score predictions that were written before: a run's folder, or files."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.engine.work_dir.fold_check import read_fold
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.engine.work_dir.stored_plan import stored_clips, stored_run
from mmaction_mer.engine.work_dir.stored_runs import check_fold, read_results
from mmaction_mer.evaluation import (
    SELECTIONS,
    format_report,
    pool,
    read_predictions,
    save_results,
    write_megc_log,
)
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERDataError
from mmaction_mer.utils.text import quote, shown

FILE = 'predictions.jsonl'
#: Reads what a run has planned, by its folder.
PlanOf = Callable[[Path], dict[str, Any]]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'paths',
        nargs='+',
        type=Path,
        help=f"a run's folder (with folds/*/{FILE}), fold folders, or files",
    )
    parser.add_argument(
        '--selection',
        choices=list(SELECTIONS),
        help='how the iteration was chosen; default: what the run says',
    )
    parser.add_argument('--classes', nargs='+', help='names of the classes')
    parser.add_argument('--annotation', help='annotation file with those names')
    parser.add_argument('--out', help='write the pooled results there, as JSON')
    parser.add_argument('--megc-log', help='write a log as the MEGC challenge wants it')
    return parser.parse_args()


def find_files(path: Path) -> dict[str, Path]:
    """List the prediction files behind a path, by name of their fold."""
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
            print(f'fold {shown(fold.name)}: not finished, left out', file=sys.stderr)
    planned = stored_run(path).get('folds', {})
    for name in planned if folder != path else ():
        if not (folder / name).is_dir():
            print(f'fold {shown(name)}: not there, left out', file=sys.stderr)
    if not files:
        raise MERDataError(f'{path}: no {FILE} there, nor in its folds')
    return files


def what_runs_say(files: Iterable[Path], plan_of: PlanOf) -> dict[str, set[Any]]:
    """Collect classes, selection and seeds from the runs that wrote the files."""
    results_of = functools.cache(read_results)  # of many folds
    said: dict[str, set[Any]] = {'classes': set(), 'selection': set(), 'seeds': set()}
    for file in files:
        fold = _real(file).parent
        run = fold.parent.parent
        pooled = results_of(run)
        classes = plan_of(run).get('classes') or pooled.get('classes')
        if classes:
            said['classes'].add(tuple(classes))
        state = FoldFolder(fold).state()
        selection = state.get('selection') or pooled.get('selection')
        if selection:
            said['selection'].add(selection)
        said['seeds'] |= (
            {state['seed']} if 'seed' in state else {*pooled.get('seeds', ())}
        )
    return said


def _real(path: Path) -> Path:
    """Follow the links of a path; of links in a circle, as far as it goes."""
    return Path(os.path.realpath(path))


def read_file(name: str, file: Path, plan_of: PlanOf) -> list[dict[str, Any]]:
    """Read predictions; those of a run must be of the clips that it has planned."""
    folder = FoldFolder(_real(file).parent)
    state = folder.state() if file.name == FILE else {}
    if not state:
        return read_predictions(file)
    plan = plan_of(folder.path.parent.parent)
    # A folder copied to elsewhere stands for itself.
    if folder.path.parent.name != 'folds' or 'clips' not in plan:
        plan = {}
    check_fold(folder, plan)
    return read_fold(folder, stored_clips(plan, name))


def choose(what: str, given: Any, said: set[Any]) -> Any:
    """Take what was given; refuse what contradicts the runs or one another."""
    if len(said) > 1:
        raise MERDataError(
            f'{what} differs between these folds, score them apart: '
            f'{", ".join(map(quote, said))}'
        )
    if given is not None and said and given not in said:
        raise MERDataError(
            f'{what} is given as {given}, but the run says {quote(said.pop())}'
        )
    return given if given is not None else next(iter(said), None)


@report_errors
def main() -> None:
    """Read, pool, print."""
    args = parse_args()
    files: dict[str, Path] = {}
    for path in args.paths:
        for fold, file in find_files(path).items():
            if fold in files:
                raise MERDataError(
                    f'fold {shown(fold)}: is both {files[fold]} and {file}'
                )
            files[fold] = file
    plan_of = functools.cache(stored_run)  # read once, not for each fold
    said = what_runs_say(files.values(), plan_of)
    selection = choose('selection', args.selection, said['selection'])
    if selection is None:
        raise MERDataError(
            'these predictions do not say how the iteration was chosen: add '
            f'--selection, one of {", ".join(SELECTIONS)}'
        )
    by_fold = {fold: read_file(fold, file, plan_of) for fold, file in files.items()}
    given = args.classes
    if args.annotation:
        given = read_annotation(args.annotation)['metainfo']['classes']
    classes = choose('classes', tuple(given) if given else None, said['classes'])
    if classes is None:
        count = len(next(iter(by_fold.values()))[0]['probabilities'])
        classes = tuple(f'class {index}' for index in range(count))
    results = pool(by_fold, classes, selection, sorted(said['seeds']))
    print(format_report(results))
    if args.out:
        print(f'written: {save_results(args.out, results)}')
    if args.megc_log:
        lines = [line for lines in by_fold.values() for line in lines]
        print(f'written: {write_megc_log(args.megc_log, lines)}')


if __name__ == '__main__':
    sys.exit(main())
