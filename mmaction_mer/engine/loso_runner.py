"""The runner of a whole protocol: plan, folds, pooled result."""

import time
from pathlib import Path
from typing import Any

from mmaction.registry import RUNNERS
from mmengine.config import Config
from tqdm import tqdm

from ..datasets.protocols import Fold
from .errors import MERRunError
from .fold_config import fold_config, testing_config
from .fold_folder import FoldFolder
from .fold_runner import score_fold
from .loso_plan import (
    Plan,
    check_one_run,
    claim_work_dir,
    compare_for_test,
    make_plan,
    resumed_config,
    trained_folds,
)
from .memory import keep_freed_memory
from .names import check_names
from .outcome import conclude, join_dumps, pooled_so_far
from .ranks import Ranks
from .showcase import draw_clip
from .strategies import STRATEGIES


@RUNNERS.register_module()
class LOSORunner:
    """Run a subject-wise protocol fold by fold and pool its predictions.

    With ``runner_type = 'LOSORunner'`` in a config, any tool that builds its
    runner through ``RUNNERS``, mmaction's own included, runs the whole protocol::

        loso = dict(protocol='loso', strategy='sequential', select='last', folds=None)

    ``protocol`` is what ``make_folds`` takes; ``select`` is ``'last'`` (the last
    iteration counts, no validation), ``'inner'`` (the best iteration on some
    training subjects set aside) or ``'test'`` (the best on the held-out subjects
    themselves: every number is labelled so); ``folds`` names the folds to run.

    Everything is in ``work_dir``: ``folds/<name>/`` (``fold_folder.py``),
    ``loso.json``, ``config.py``, ``results.json`` and its pictures. With
    ``resume`` finished folds are skipped and a cut one goes on.

    Args:
        cfg: The config.

    Raises:
        MERRunError: The run cannot start; the message says what to do.
        MERDataError: The data cannot be used.
    """

    def __init__(self, cfg: Config) -> None:
        keep_freed_memory()
        self.cfg = resumed_config(cfg)
        self.work_dir = Path(cfg.work_dir)
        self.ranks = Ranks(cfg.get('launcher') or 'none')
        self.plan: Plan = make_plan(self.cfg)
        if self.plan.strategy not in STRATEGIES:
            raise MERRunError(
                f'loso.strategy is {self.plan.strategy!r}, not one of '
                f'{", ".join(STRATEGIES)}'
            )

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'LOSORunner':
        """Build the runner from a config, as every mmengine runner is."""
        return cls(cfg)

    @property
    def select(self) -> str:
        """Which iteration of a fold counts."""
        return self.plan.select

    def folder(self, fold: Fold) -> FoldFolder:
        """Return the folder of a fold."""
        return FoldFolder(self.work_dir / 'folds' / fold.name)

    def fold_config(self, fold: Fold) -> Config:
        """Return the config that trains and tests one fold."""
        folder = self.folder(fold)
        cfg = fold_config(self.cfg, fold, folder, self.select, self.plan.seed)
        return self._quiet(cfg)

    def details(self, fold: Fold) -> dict[str, Any]:
        """Return what a fold's ``fold.json`` says besides its status."""
        return {
            'fold': fold.name,
            'held_out': list(fold.held_out),
            'fingerprint': self.plan.fingerprint,
            'annotation': self.plan.annotation,
            'seed': self.plan.seed,
            'selection': self.select,
        }

    def train(self) -> dict[str, Any]:
        """Train and test every fold that is not done, then pool all that are.

        Returns:
            The pooled results on the first rank, nothing on the others.

        Raises:
            MERRunError: A fold that was asked for is not done after all.
        """
        started = time.monotonic()
        self.ranks.take_device()
        todo = self.ranks.from_first(self._claim)
        pending = [fold for fold in self.plan.wanted if fold.name in todo]
        skipped = len(self.plan.wanted) - len(pending)
        self._announce('train and test', f'{skipped} done already' if skipped else '')
        mine = self.ranks.share(pending)
        with self._bar(mine, skipped) as bar:
            for _ in STRATEGIES[self.plan.strategy](self, mine):
                bar.update()
                bar.set_postfix_str(pooled_so_far(self._done(), self.plan))
        self.ranks.meet()
        if not self.ranks.first:
            return {}
        done = self._done()
        names = {folder.name for folder in done}
        if missing := [one.name for one in self.plan.wanted if one.name not in names]:
            raise MERRunError(
                f'{self.work_dir}: {len(missing)} of {len(self.plan.wanted)} folds are '
                f'not done: {", ".join(missing)}. Nothing was pooled; start again with '
                f'--resume'
            )
        for folder in done:
            folder.clear()
        seconds = round(time.monotonic() - started, 3)
        path = self.work_dir / 'results.json'
        results = conclude(self.plan, done, done, path, {'wall_time_s': seconds})
        self._show_clip(done[0])
        return results

    def test(self) -> dict[str, Any]:
        """Score checkpoints again: those of a run, or of one fold.

        ``cfg.load_from`` names a work directory, a fold's folder or its
        ``model.pth``; without it, the run in ``cfg.work_dir`` is scored. Nothing of
        the run is overwritten: predictions go to ``work_dir/test/<fold>``, results
        to ``work_dir/results_test.json``.

        Returns:
            The pooled results on the first rank, nothing on the others.
        """
        started = time.monotonic()
        self.ranks.take_device()
        source = Path(self.cfg.get('load_from') or self.work_dir)
        folders, stored = trained_folds(source)
        changed = compare_for_test(stored, self.plan)
        wanted = {fold.name: fold for fold in self.plan.wanted}
        folders = [folder for folder in folders if folder.name in wanted]
        if not folders:
            raise MERRunError(
                f'{source} holds no trained fold of {", ".join(sorted(wanted))}'
            )
        for folder in folders:
            self._check_fold(folder, wanted[folder.name])
        check_one_run(folders)
        check_names(self.cfg)
        self._announce('test', f'checkpoints of {source}')
        if changed and self.ranks.first:
            print(
                'note, the config differs from that of training: ' + '; '.join(changed)
            )
        again = [FoldFolder(self.work_dir / 'test' / one.name) for one in folders]
        mine = self.ranks.share(list(zip(folders, again, strict=True)))
        with self._bar(mine) as bar:
            for folder, target in mine:
                self._score(wanted[folder.name], folder, target)
                bar.update()
        self.ranks.meet()
        if not self.ranks.first:
            return {}
        join_dumps(self.cfg.get('test_evaluator'), again)
        facts = {
            'wall_time_s': round(time.monotonic() - started, 3),
            'checkpoints': str(source),
            'config_differs': changed,
        }
        path = self.work_dir / 'results_test.json'
        return conclude(self.plan, folders, again, path, facts)

    def _claim(self) -> list[str]:
        todo = claim_work_dir(self.cfg, self.plan)
        if todo:
            check_names(self.cfg)
        return todo

    def _done(self) -> list[FoldFolder]:
        """List the finished folds of the work directory, in the protocol's order."""
        folders = [self.folder(fold) for fold in self.plan.folds]
        return [folder for folder in folders if folder.done()]

    def _show_clip(self, folder: FoldFolder) -> None:
        fold = next(fold for fold in self.plan.folds if fold.name == folder.name)
        picture = draw_clip(self.fold_config(fold), folder, self.work_dir / 'clip.png')
        if picture:
            print(f'a clip as the model sees it: {picture}', flush=True)

    def _score(self, fold: Fold, folder: FoldFolder, target: FoldFolder) -> None:
        state = folder.state()
        target.path.mkdir(parents=True, exist_ok=True)
        cfg = fold_config(self.cfg, fold, target, state['selection'], state['seed'])
        score_fold(self._quiet(testing_config(cfg)), folder.model, state['held_out'])

    def _check_fold(self, folder: FoldFolder, fold: Fold) -> None:
        """Refuse a fold of which other subjects were held out."""
        state = folder.state()
        if state.get('annotation') != self.plan.annotation or state.get(
            'held_out'
        ) != list(fold.held_out):
            raise MERRunError(
                f'{folder.path}: was trained with another annotation file or other '
                f'subjects held out ({state.get("held_out")}) than this config says '
                f'({list(fold.held_out)}); use the config it was trained with'
            )

    def _quiet(self, cfg: Config) -> Config:
        """Let one rank alone speak to the console."""
        cfg.console_level = 'WARNING' if self.ranks.first else 'ERROR'
        return cfg

    def _announce(self, what: str, more: str = '') -> None:
        if not self.ranks.first:
            return
        plan = self.plan
        print(
            f'{what}: {len(plan.wanted)} of {len(plan.folds)} folds, '
            f'{len(plan.subjects)} clips, {len(set(plan.subjects))} subjects, '
            f'seed {plan.seed}' + (f', {more}' if more else ''),
            flush=True,
        )
        if (self.cfg.get('randomness') or {}).get('seed') is None:
            print('no seed is given: 0 is used', flush=True)

    def _bar(self, mine: list, done: int = 0) -> tqdm:
        # Without ranks the bar is over all folds; with ranks, over the first's share.
        done = done if self.ranks.world == 1 else 0
        return tqdm(
            total=len(mine) + done,
            initial=done,
            desc='folds',
            unit='fold',
            disable=not self.ranks.first,
        )
