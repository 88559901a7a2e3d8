"""The runs of a protocol, one per seed, and their folds as tasks."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...datasets.protocols import Fold
from ...evaluation.predictions import Key
from ..work_dir.fold_check import read_fold
from ..work_dir.fold_folder import FoldFolder
from ..work_dir.layout import FOLDS
from ..work_dir.run_clips import clips_digest
from .fold_config import fold_config
from .plan import CVPlan


@dataclass(frozen=True)
class SeedRun:
    """All folds of a protocol under one seed.

    Args:
        cfg: The config; its ``work_dir`` and ``randomness.seed`` are those of this run.
        plan: The plan.
        console: Minimum level of what its folds log to the console. Defaults to
            'WARNING'.
    """

    cfg: Config
    plan: CVPlan
    console: str = 'WARNING'

    @property
    def work_dir(self) -> Path:
        """The work directory of this seed."""
        return Path(self.cfg.work_dir)

    @property
    def top(self) -> Path:
        """The work directory of all seeds, which is :attr:`work_dir` for one alone."""
        return self.work_dir.parent if self.plan.many_seeds else self.work_dir

    def folder(self, fold: Fold) -> FoldFolder:
        """Return the folder of a fold."""
        return FoldFolder(self.work_dir / FOLDS / fold.name)

    def done(self) -> list[FoldFolder]:
        """List the finished folds, in the protocol's order."""
        folders = [self.folder(fold) for fold in self.plan.folds]
        return [folder for folder in folders if folder.done()]

    def missing(self) -> list[dict[str, Any]]:
        """List the folds that were asked for or begun, and are not done.

        Returns:
            ``fold``, ``clips`` (number of its held-out clips), ``reason``, and, with
            several seeds, ``seed`` of each, in the protocol's order.
        """
        wanted = {fold.name for fold in self.plan.wanted}
        seed = {'seed': self.plan.seed} if self.plan.many_seeds else {}
        return [
            {
                'fold': fold.name,
                **seed,
                'clips': sum(one in fold.held_out for one in self.plan.subjects),
                'reason': folder.why_missing(),
            }
            for fold in self.plan.folds
            if not (folder := self.folder(fold)).done()
            and (fold.name in wanted or folder.state_file.is_file())
        ]

    def fold_config(self, fold: Fold) -> Config:
        """Return the config that trains and tests one fold."""
        plan = self.plan
        return self._with_console(
            fold_config(self.cfg, fold, self.folder(fold), plan.select, plan.seed)
        )

    def test_config(self, fold: Fold, target: FoldFolder, state: dict) -> Config:
        """Return the config that scores a fold again into another folder.

        Args:
            fold: The fold.
            target: The folder to work in.
            state: Content of ``fold.json`` of the trained fold.
        """
        cfg = fold_config(self.cfg, fold, target, state['selection'], state['seed'])
        return self._with_console(cfg)

    def details(self, fold: Fold) -> dict[str, Any]:
        """Return the fields of a fold's ``fold.json`` that identify it."""
        return {
            'fold': fold.name,
            'held_out': list(fold.held_out),
            'fingerprint': self.plan.fingerprint,
            'annotation': self.plan.annotation,
            'seed': self.plan.seed,
            'selection': self.plan.select,
            'clips': clips_digest(self.clips[fold.name]),
            'load_from': self.cfg.get('load_from'),
        }

    @cached_property
    def clips(self) -> dict[str, dict[Key, int]]:
        """The label of each clip that a fold is tested on, by name of the fold."""
        return {
            fold.name: self.plan.clips.of(fold.held_out) for fold in self.plan.folds
        }

    def read(self, folder: FoldFolder) -> list[dict[str, Any]]:
        """Read the predictions of a fold, checked against its clips.

        Raises:
            MERDataError: They are not of its clips, or cannot be read.
            MERRunError: Its ``fold.json`` cannot be read.
        """
        return read_fold(folder, self.clips[folder.name], len(self.plan.classes))

    def _with_console(self, cfg: Config) -> Config:
        cfg.console_level = self.console
        return cfg


@dataclass(frozen=True)
class FoldTask:
    """A fold of a run, as strategies receive it."""

    run: SeedRun
    fold: Fold

    def __str__(self) -> str:
        """Return the name of the fold; with several seeds, the seed too."""
        seed = f' (seed {self.run.plan.seed})' if self.run.plan.many_seeds else ''
        return self.fold.name + seed

    @property
    def folder(self) -> FoldFolder:
        """The folder of the fold."""
        return self.run.folder(self.fold)

    @property
    def clips(self) -> dict[Key, int]:
        """The label of each clip that the fold is tested on."""
        return self.run.clips[self.fold.name]

    def config(self) -> Config:
        """Return the config that trains and tests the fold."""
        return self.run.fold_config(self.fold)

    def details(self) -> dict[str, Any]:
        """Return the fields of ``fold.json`` that identify the fold."""
        return self.run.details(self.fold)


def runs_by_seed(
    cfg: Config, plan: CVPlan, seeds: Sequence[int] | None, console: str
) -> list[SeedRun]:
    """Make the runs of a config: one, or one in ``seed<k>/`` for each of some seeds.

    Each equals the run of the same config with that ``randomness.seed`` alone.

    Args:
        cfg: The config of the protocol.
        plan: Its plan.
        seeds: The seeds; None for the one of the config.
        console: See :class:`SeedRun`.
    """
    if seeds is None:
        return [SeedRun(cfg, plan, console)]
    runs = []
    for seed in seeds:
        part = copy.deepcopy(cfg)
        part.work_dir = str(Path(cfg.work_dir, f'seed{seed}'))
        part.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
        part.loso = {k: v for k, v in (cfg.get('loso') or {}).items() if k != 'seeds'}
        randomness = {**plan.config['randomness'], 'seed': seed}
        config = {**plan.config, 'randomness': randomness}
        seeded = replace(plan, seed=seed, config=config, many_seeds=True)
        runs.append(SeedRun(part, seeded, console))
    return runs
