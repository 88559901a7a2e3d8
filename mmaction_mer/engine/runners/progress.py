"""What a run prints while it goes on: its size, a bar, and the scores so far."""

from collections.abc import Sequence

from tqdm import tqdm

from ...evaluation.functional import scores
from ...evaluation.summary import SELECTIONS
from ...utils.errors import MERDataError, MERRunError
from .plan import CVPlan
from .tasks import FoldTask, SeedRun


def describe_plan(what: str, plan: CVPlan, more: str = '') -> str:
    """Describe a run in one line.

    Args:
        what: What is done with the folds.
        plan: The plan.
        more: Something to add. Defaults to ''.
    """
    seeds, share = plan.options['seeds'], plan.options['share']
    parts = [
        f'{what}: {len(plan.wanted)} of {len(plan.folds)} folds',
        f'{len(plan.subjects)} clips',
        f'{len(set(plan.subjects))} subjects',
        f'seeds {", ".join(map(str, seeds))}' if seeds else f'seed {plan.seed}',
        f'share {share[0]} of {share[1]}' if share else '',
        more,
    ]
    return ', '.join(filter(None, parts))


def folds_bar(total: int, done: int, shown: bool) -> tqdm:
    """Return a progress bar over folds.

    Args:
        total: Number of folds.
        done: Number of those that are finished already.
        shown: Whether to show the bar.
    """
    return tqdm(total=total, initial=done, desc='folds', unit='fold', disable=not shown)


class RunningScores:
    """The scores of the folds that are done, for a progress bar.

    The predictions of a fold are read once, when it is done. A damaged fold is left out
    and counted; training goes on, and the end of the run reports the damage.

    Args:
        runs: The runs of all seeds.
    """

    def __init__(self, runs: Sequence[SeedRun]) -> None:
        self._plan = runs[0].plan
        self._pending = [FoldTask(run, fold) for run in runs for fold in run.plan.folds]
        self._labels: list[int] = []
        self._predictions: list[int] = []
        self._damaged = 0

    def update(self) -> str:
        """Add the folds that were done since the last call.

        Returns:
            Accuracy and UF1 in percent, with remarks.
        """
        self._pending = [task for task in self._pending if not self._add(task)]
        parts = []
        if self._labels:
            pooled = scores(self._labels, self._predictions, len(self._plan.classes))
            parts += [f'{name} {100 * pooled[name]:.1f} %' for name in ('acc', 'uf1')]
            if self._plan.select == 'test':
                parts.append(SELECTIONS['test'])
        if self._damaged:
            parts.append(f'without {self._damaged} damaged fold(s)')
        return ', '.join(parts)

    def _add(self, task: FoldTask) -> bool:
        try:
            if not task.folder.done():
                return False
            lines = task.run.read(task.folder)
        except (MERDataError, MERRunError):
            self._damaged += 1
            return True
        self._labels += [line['label'] for line in lines]
        self._predictions += [line['prediction'] for line in lines]
        return True
