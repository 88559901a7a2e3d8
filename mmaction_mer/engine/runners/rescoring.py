"""Finished folds that are scored again, into another folder."""

from pathlib import Path
from typing import Any

from ...utils.errors import MERRunError
from ..work_dir.fold_check import check_model
from ..work_dir.fold_folder import FoldFolder
from ..work_dir.layout import repair_hint
from ..work_dir.work_dir import check_one_run, finished_folds
from .fold_config import testing_config
from .fold_training import score_fold
from .results import join_dumps, pool_results
from .resuming import compare_for_test
from .tasks import SeedRun

_NEEDED = ('seed', 'selection', 'fingerprint', 'parameters')


class RescoredRun:
    """The finished folds of one run, to be scored again.

    Args:
        run: The run, by the config that scores.
        source: The work directory, fold, or checkpoint to score.

    Attributes:
        changes: How the config differs from that of the training, one line each.
        pairs: The folder of each trained fold, and the one that it is scored into.

    Raises:
        MERRunError: There is no such fold, or the folds do not fit the run.
    """

    def __init__(self, run: SeedRun, source: Path) -> None:
        self.run, self.source = run, source
        work_dir, folders = finished_folds(source)
        self.changes = compare_for_test(work_dir.plan, run.plan)
        self.folds = {fold.name: fold for fold in run.plan.wanted}
        folders = [folder for folder in folders if folder.name in self.folds]
        if not folders:
            raise MERRunError(
                f'contains no finished fold of {", ".join(sorted(self.folds))}',
                path=source,
            )
        for folder in folders:
            self._check(folder)
        check_one_run(folders)
        self.results_file = run.work_dir / 'results_test.json'
        self.pairs = [
            (folder, FoldFolder(run.work_dir / 'test' / folder.name))
            for folder in folders
        ]

    def score(self, folder: FoldFolder, target: FoldFolder) -> None:
        """Score the checkpoint of one fold into another folder."""
        state = folder.state()
        target.path.mkdir(parents=True, exist_ok=True)
        cfg = self.run.test_config(self.folds[folder.name], target, state)
        score_fold(testing_config(cfg), folder.model, state['held_out'])

    def pool_results(self, seconds: float) -> dict[str, Any]:
        """Pool the predictions, print and save the results.

        Args:
            seconds: Wall time of the scoring.
        """
        trained, scored = ([*part] for part in zip(*self.pairs, strict=True))
        join_dumps(self.run.cfg.get('test_evaluator'), scored)
        facts = {
            'wall_time_s': seconds,
            'checkpoints': str(self.source),
            'config_differs': self.changes,
        }
        return pool_results(self.run, trained, scored, self.results_file, facts)

    def _check(self, folder: FoldFolder) -> None:
        """Check that a fold held out the subjects that it is tested on."""
        plan, state = self.run.plan, folder.state()
        if lacking := [key for key in _NEEDED if key not in state]:
            raise MERRunError(
                f'lacks {", ".join(lacking)}',
                path=folder.state_file,
                hint=repair_hint(folder.path),
            )
        held_out = list(self.folds[folder.name].held_out)
        expected = {'annotation': plan.annotation, 'held_out': held_out}
        if any(state.get(key) != value for key, value in expected.items()):
            raise MERRunError(
                f'was trained with another annotation file or other subjects held out '
                f'({state.get("held_out")}) than this config has ({held_out})',
                path=folder.path,
                hint='use the config it was trained with',
            )
        check_model(folder)
