"""The reader of work directories: plan, folds, predictions, and results of a run."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from ...evaluation.predictions import Key
from ...evaluation.summary import SELECTIONS
from ...utils.errors import MERRunError
from ...utils.text import printable_name
from .fold_check import differing, has_digests, read_fold
from .fold_folder import FoldFolder
from .json_fields import RESULTS_FIELDS, read_record
from .layout import (
    CONFIG,
    FOLDS,
    RESULTS,
    repair_hint,
    resume_command,
    seed_folders,
)
from .plan_file import read_plan
from .run_clips import RunClips
from .stored_run import StoredRun


class WorkDir:
    """Reader of the work directory of a run.

    Everything that is read is checked: fields have their types, finished folds are
    those of the plan, and predictions have the clips, labels, and digests of their
    fold. The plan is read once per object.

    Args:
        path: The work directory, of one seed or of several.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def fold(self, name: str) -> FoldFolder:
        """Return the folder of a fold, which may not exist yet."""
        return FoldFolder(self.path / FOLDS / name)

    def started_folds(self) -> list[FoldFolder]:
        """List the folders of the folds that were ever started, sorted."""
        states = sorted((self.path / FOLDS).glob('*/fold.json'))
        return [FoldFolder(state.parent) for state in states]

    def config_file(self) -> Path:
        """Return the config of the run: its own, or that of its first seed.

        Raises:
            MERRunError: There is none.
        """
        for folder in (self.path, *seed_folders(self.path).values()):
            if (path := folder / CONFIG).is_file():
                return path
        raise MERRunError(
            'has no config.py',
            path=self.path,
            hint='give the work directory of a run, or its config with --config',
        )

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Content of ``loso.json``; empty if it does not exist.

        Raises:
            MERRunError: It cannot be read, was changed, or a field has a wrong type.
        """
        return read_plan(self.path)

    @property
    def intact_plan(self) -> dict[str, Any]:
        """Content of ``loso.json``; empty if it does not exist or is damaged."""
        try:
            return self.plan
        except MERRunError:
            return {}

    @cached_property
    def clips(self) -> RunClips | None:
        """The clips of the plan; None if it does not list them."""
        return RunClips.from_json(self.plan.get('clips'))

    def results(self) -> dict[str, Any]:
        """Read ``results.json``; empty if it does not exist.

        Raises:
            MERRunError: It is not a JSON object, or a field has a wrong type.
        """
        path = self.path / RESULTS

        def hint() -> str:
            command = resume_command(self.path) or 'the start of the run, --resume,'
            return f'delete it; {command} writes it again'

        return read_record(path, RESULTS_FIELDS, hint)

    def predictions(
        self, folder: FoldFolder, num_classes: int | None = None
    ) -> list[dict[str, Any]]:
        """Read the predictions of a finished fold, see :func:`.fold_check.read_fold`.

        Args:
            folder: A folder of this work directory.
            num_classes: Number of classes, if known. Defaults to None.

        Raises:
            MERRunError: The fold is not as planned, or ``fold.json`` is damaged.
            MERDataError: The predictions are not those of the fold.
        """
        self.check_fold(folder)
        clips: dict[Key, int] | None = None
        if self.clips is not None:
            folds = self.plan['folds']
            if folder.name not in folds:
                raise MERRunError(
                    f'fold {printable_name(folder.name)} is not in loso.json, whose '
                    f'folds are {", ".join(map(printable_name, folds))}',
                    path=folder.path,
                    hint='move its folder elsewhere',
                )
            clips = self.clips.of(folds[folder.name])
        return read_fold(folder, clips, num_classes)

    def check_fold(self, folder: FoldFolder) -> None:
        """Check that a finished fold is the one that was planned.

        Nothing is checked where there is no plan, or no ``fold.json``.

        Raises:
            MERRunError: It differs from the plan.
        """
        plan, state = self.plan, folder.state()
        if 'clips' not in plan or not state:
            return
        expected = {
            'fold': folder.name,
            'held_out': plan['folds'].get(folder.name),
            'fingerprint': plan['fingerprint'],
            'annotation': plan['config']['annotation'],
            'seed': plan['config']['randomness']['seed'],
            'selection': plan['config']['loso']['select'],
        }
        found = differing(state, expected)
        if not has_digests(folder, state):
            found.append('digests')
        if found:
            raise MERRunError(
                f'is not of this fold as planned, by its {", ".join(found)}',
                path=folder.state_file,
                hint=repair_hint(folder.path),
            )

    def run(self) -> StoredRun:
        """Read the run of one seed, or what ``flow_baseline.py`` wrote.

        Raises:
            MERRunError: There is no finished fold, the folds are not of one run, or
                the classes or the selection are not stored.
            MERDataError: Predictions are not those of their fold.
        """
        plan, results = self.plan, self.results()
        done: list[FoldFolder] = []
        missing = list(plan.get('folds', {}))
        for path in sorted((self.path / FOLDS).glob('*/')):
            folder = FoldFolder(path)
            # Other programs, such as the baseline, write predictions alone.
            status = folder.state().get('status')
            if status == 'done' or (status is None and folder.predictions.is_file()):
                done.append(folder)
                if folder.name in missing:
                    missing.remove(folder.name)
            elif folder.name not in missing:
                missing.append(folder.name)
        if not done:
            raise MERRunError(
                'no finished fold here',
                path=self.path,
                hint='give the work directory of a run, or train first',
            )
        check_one_run(done)
        state = done[0].state()
        classes = plan.get('classes') or results.get('classes')
        selection = state.get('selection') or results.get('selection')
        if not classes or selection not in SELECTIONS:
            raise MERRunError(
                f'none of loso.json, fold.json, and results.json has the classes and '
                f'how the iteration was chosen ({selection!r})',
                path=self.path,
                hint=f'score it with tools/analysis/score.py --out '
                f'{self.path / RESULTS}',
            )
        return StoredRun(
            path=self.path,
            seed=state.get('seed', (results.get('seeds') or [0])[0]),
            classes=list(classes),
            selection=selection,
            config=plan.get('config') or {},
            folds={
                folder.name: self.predictions(folder, len(classes)) for folder in done
            },
            missing=missing,
        )

    def runs(self, seeds: Iterable[int] | None = None) -> dict[int, StoredRun]:
        """Read the runs by seed: one, or one per ``seed<k>``.

        Args:
            seeds: The seeds whose folders are read. Defaults to None, and then all of
                them are, or the run of the directory itself if it has none.

        Returns:
            The runs, sorted by seed.

        Raises:
            MERRunError: As :meth:`run`; a seed has no folder, or the seeds differ in
                classes or selection.
            MERDataError: Predictions are not those of their fold.
        """
        if seeds is None:
            seeds = seed_folders(self.path)
            if not seeds:
                run = self.run()
                return {run.seed: run}
            if (self.path / FOLDS).is_dir():
                raise MERRunError(
                    'contains both folds and folders of seeds',
                    path=self.path,
                    hint=f'give one of the latter, such as '
                    f'{self.path}/seed{min(seeds)}, or delete {self.path / FOLDS}',
                )
        runs = {}
        for seed in sorted(seeds):
            path = self.path / f'seed{seed}'
            runs[seed] = WorkDir(path).run()
            if runs[seed].seed != seed:
                raise MERRunError(
                    f'its folds were trained with seed {runs[seed].seed}',
                    path=path,
                    hint='rename the folder',
                )
        first, *others = runs.values()
        for run in others:
            for field in ('classes', 'selection'):
                if getattr(run, field) != getattr(first, field):
                    raise MERRunError(
                        f'is {getattr(run, field)!r}, but that of {first.path} is '
                        f'{getattr(first, field)!r}: these are not seeds of one run',
                        path=run.path,
                        field=field,
                        hint='move one of them elsewhere',
                    )
        return runs


def finished_folds(source: Path) -> tuple[WorkDir, list[FoldFolder]]:
    """Find the finished folds at a path.

    Args:
        source: The work directory of a run, the folder of a fold, or its
            ``model.pth``.

    Returns:
        The work directory and the folders.

    Raises:
        MERRunError: There is no finished fold.
    """
    alone = FoldFolder(source if source.is_dir() else source.parent)
    if alone.state_file.is_file():
        if not source.is_dir() and source != alone.model:
            raise MERRunError(
                'is not the checkpoint of the fold',
                path=source,
                hint=f'give {alone.model}',
            )
        work_dir, found = WorkDir(alone.path.parent.parent), [alone]
    else:
        work_dir = WorkDir(source)
        found = work_dir.started_folds()
    done = [folder for folder in found if folder.state().get('status') == 'done']
    if not done:
        raise MERRunError(
            'no finished fold here',
            path=source,
            hint='give the work directory of a run, or the folder or model.pth of one '
            'of its folds (beside its fold.json), or train first',
        )
    return work_dir, done


def check_one_run(folders: Iterable[FoldFolder]) -> None:
    """Check that folds to be pooled were trained in the same way.

    Raises:
        MERRunError: They differ in selection or fingerprint.
    """
    states = {folder.name: folder.state() for folder in folders}
    for key in ('selection', 'fingerprint'):
        groups: dict[str, list[str]] = {}
        for name, state in states.items():
            groups.setdefault(str(state.get(key)), []).append(name)
        if len(groups) > 1:
            listed = '; '.join(
                f'{value}: {", ".join(names)}' for value, names in groups.items()
            )
            raise MERRunError(
                f'differs in fold.json of these folds, which cannot be pooled '
                f'({listed})',
                field=key,
                hint='choose some by --folds, or train all in one --work-dir',
            )
