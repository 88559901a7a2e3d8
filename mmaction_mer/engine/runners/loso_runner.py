"""The runner of a whole protocol: plan, folds, pooled result."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmaction.registry import HOOKS, RUNNERS
from mmengine.config import Config
from tqdm import tqdm

from ...utils.cli.type_names import name_types
from ...utils.errors import FoldsFailed, MERRunError
from ...utils.files import clear_half_written
from ...utils.memory import keep_freed_memory
from ..strategies import STRATEGIES
from ..strategies.stacking.stack_file import clear_stacks
from ..work_dir.fingerprint import fingerprint
from ..work_dir.fold_check import check_model
from ..work_dir.fold_folder import FoldFolder, how_to_mend
from ..work_dir.lock import WorkDirLock
from ..work_dir.stored_runs import read_results
from .distributed import Ranks
from .fold_config import testing_config
from .fold_runner import score_fold
from .plan import (
    check_mixed_seeds,
    check_one_run,
    compare_for_test,
    make_plan,
    prepare_work_dir,
    resumed_config,
    trained_folds,
)
from .prediction_ids import check_names
from .rescoring import mend_folds
from .results import join_dumps, pool_results, pool_seeds, pooled_so_far, training_cost
from .tasks import FoldTask, SeedRun, runs_by_seed
from .tracking import check_trackers, track_fold


@RUNNERS.register_module()
class LOSORunner:
    """Run a subject-wise protocol fold by fold and pool its predictions.

    With ``runner_type = 'LOSORunner'`` in a config, any tool that builds its
    runner through ``RUNNERS``, mmaction's own included, runs the whole protocol::

        loso = dict(protocol='loso', strategy='stacked', select='last', folds=None)

    ``protocol`` is what ``make_folds`` takes; ``strategy`` is ``'sequential'``,
    ``'stacked'`` or ``'parallel'``, which all come to the same numbers; ``select`` is
    ``'last'`` (the last iteration counts, no validation), ``'inner'`` (the best
    iteration on some training subjects set aside) or ``'test'`` (the best on the
    held-out subjects themselves: every number is labelled so); ``folds`` names the
    folds to run; ``seeds`` runs all of it once per seed; ``workers`` is for
    ``'parallel'``, ``folds_per_group`` for ``'stacked'``; ``share`` trains a share of
    the folds, ``(k, n)``, and leaves the pooling to another start.

    ``run_hooks`` of the config lists hooks that are called once per run, not once per
    fold: ``after_train(runner)`` and ``after_test(runner)`` on the first rank, when the
    results are saved. ``runner.result_files`` then maps each results file of this
    session to its run; the summary over seeds has none. ``configs/_base_/
    default_runtime.py`` names ``RunReportHook``, which draws and reports.

    Everything is in ``work_dir``: ``folds/<name>/`` (``fold_folder.py``),
    ``loso.json``, ``config.py``, ``results.json``, ``report.html`` and pictures; with
    ``seeds`` one such folder ``seed<k>/`` per seed, and the summary over them beside.
    With ``resume`` finished folds are skipped and a cut one goes on.

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
        self.plan = make_plan(self.cfg)
        self.options = self.plan.options
        if self.options['strategy'] not in STRATEGIES:
            raise MERRunError(
                f'loso.strategy is {self.options["strategy"]!r}, not one of '
                f'{", ".join(STRATEGIES)}'
            )
        if self.options['share'] and self.ranks.world > 1:
            raise MERRunError('loso.share is for a process alone: use --launcher none')
        if self.options['strategy'] == 'parallel' and self.ranks.world > 1:
            raise MERRunError(
                "strategy 'parallel' starts processes of its own: use --launcher none"
            )
        # One rank alone speaks to the console.
        console = 'WARNING' if self.ranks.first else 'ERROR'
        self.runs = runs_by_seed(self.cfg, self.plan, self.options['seeds'], console)
        self.run_hooks = [HOOKS.build(one) for one in self.cfg.get('run_hooks') or []]
        self.result_files: dict[Path, SeedRun | None] = {}

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'LOSORunner':
        """Build the runner from a config, as every mmengine runner is."""
        return cls(name_types(cfg))

    def train(self) -> dict[str, Any]:
        """Train and test every fold that is not done, then pool all that are.

        A fold that diverged or failed keeps no other from being trained: what is done
        is pooled, and the results name what is missing.

        Returns:
            The pooled results on the first rank, nothing on the others, nor where
            only a share of the folds was asked for.

        Raises:
            MERRunError: Another process works in this directory.
            FoldsFailed: Folds that were asked for are not done; all that could be
                done is done and, but for a share, pooled.
        """
        started = time.monotonic()
        self.ranks.take_device()
        folds = self.options['folds']
        shared = fingerprint({'folds': sorted(folds)})[:8] if folds else ''
        with WorkDirLock(self.work_dir, self.options['share'], shared) as lock:
            try:
                trained = self._train(lock)
                if not self.ranks.first:
                    return {}
                self._all_tried()
                results = {}
                if not self.options['share']:
                    results = self._conclude(trained, time.monotonic() - started)
                self._all_done()
                return results
            except OSError as error:
                # mmengine's own writes do not name their file when the disk is full.
                if error.errno:
                    error.filename = error.filename or str(self.work_dir)
                self.ranks.leave()
                raise
            except BaseException:
                self.ranks.leave()
                raise

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
        check_names(self.cfg)
        source = Path(self.cfg.get('load_from') or self.work_dir)
        several = self.options['seeds'] is not None
        parts = [
            _Rescore(run, source / run.work_dir.name if several else source)
            for run in self.runs
        ]
        self._announce('test', f'checkpoints of {source}')
        if self.ranks.first and (changed := parts[0].changed):
            print(
                'note, the config differs from that of training: ' + '; '.join(changed)
            )
        mine = self.ranks.share([(part, pair) for part in parts for pair in part.pairs])
        with self._bar(mine) as bar:
            for part, (folder, target) in mine:
                part.score(folder, target)
                bar.update()
        self.ranks.barrier()
        if not self.ranks.first:
            return {}
        seconds = round(time.monotonic() - started, 3)
        results = []
        for part in parts:
            results.append(part.pool_results(seconds))
            self.result_files[part.results] = part.run
        if several:
            path = self.work_dir / 'results_test.json'
            scored = [[target for _, target in part.pairs] for part in parts]
            facts = {'wall_time_s': seconds}
            results.append(pool_seeds(self.runs, results, scored, path, facts))
            self.result_files[path] = None
        for hook in self.run_hooks:
            hook.after_test(self)
        return results[-1]

    def _train(self, lock: WorkDirLock) -> list[FoldTask]:
        """Train what is not done, and give the jobs that were not."""
        todo = self.ranks.broadcast(lambda: self._claim(lock))
        pending = [job for job in self._jobs() if [*_key(job)] in todo]
        skipped = len(self._jobs()) - len(pending)
        self._announce('train and test', f'{skipped} done already' if skipped else '')
        mine = self.ranks.share(pending)
        with self._bar(mine, skipped) as bar:
            # What failed is told by the folders, of all ranks together: a rank that
            # ended now would end the others with it.
            with contextlib.suppress(FoldsFailed):
                for job in STRATEGIES[self.options['strategy']](mine, self.options):
                    track_fold(job, self.work_dir)
                    bar.update()
                    bar.set_postfix_str(pooled_so_far(self.runs))
        self.ranks.barrier()
        return pending

    def _jobs(self) -> list[FoldTask]:
        """List the jobs asked for, of all seeds; of a share, its own."""
        jobs = [FoldTask(run, fold) for run in self.runs for fold in run.plan.wanted]
        number, count = self.options['share'] or (0, 1)
        return jobs[number::count]

    def _claim(self, lock: WorkDirLock) -> list[list]:
        lock.take()
        check_mixed_seeds(self.work_dir, self.options['seeds'] is not None)
        if not self.options['share']:  # other shares may be writing right now
            for folder in {self.work_dir, *(run.work_dir for run in self.runs)}:
                clear_half_written(folder)
        for run in self.runs:
            prepare_work_dir(run.cfg, run.plan)
            # Another share may be writing the others right now.
            own = [job.fold for job in self._jobs() if job.run is run]
            mend_folds(run, own if self.options['share'] else run.plan.folds)
        todo = [
            [run.plan.seed, fold.name]
            for run in self.runs
            for fold in run.plan.wanted
            if not run.folder(fold).done()
        ]
        if todo:
            check_names(self.cfg)
            check_trackers(self.cfg)
        return todo

    def _all_tried(self) -> None:
        """Refuse to go on where a fold is not done and nothing says why."""
        jobs = self._jobs()
        if missing := [str(job) for job in jobs if not job.folder.tried()]:
            raise MERRunError(
                f'{self.work_dir}: {len(missing)} of {len(jobs)} folds are not done: '
                f'{", ".join(missing)}. Nothing was pooled; start again with --resume'
            )

    def _all_done(self) -> None:
        """Name the folds that were asked for and are not done.

        Raises:
            FoldsFailed: There are such folds.
        """
        jobs = self._jobs()
        missing = [job for job in jobs if not job.folder.done()]
        if not missing:
            return
        reasons: dict[str, list[str]] = {}
        for job in missing:
            reasons.setdefault(job.folder.why_missing(), []).append(str(job))
        shown = '; '.join(
            f'{", ".join(names)}: {reason}' for reason, names in reasons.items()
        )
        kept = 'what is done is kept'
        if not self.options['share']:
            pooled = any(run.done() for run in self.runs)
            kept += ' and pooled without them' if pooled else ', and nothing is pooled'
        advice = ''
        if any(reason.startswith('diverged') for reason in reasons):
            advice = (
                '. A fold that diverged starts again from its beginning, and will '
                'diverge again with the same settings: train with a lower learning '
                'rate or with optim_wrapper.clip_grad in another --work-dir'
            )
        raise FoldsFailed(
            f'{self.work_dir}: {len(missing)} of {len(jobs)} folds are not done, '
            f'{kept}; --resume trains them ({shown}){advice}'
        )

    def _conclude(self, trained: Sequence[FoldTask], seconds: float) -> dict[str, Any]:
        """Pool the finished folds, print and save the results, and call the run hooks.

        Returns:
            The results; empty where no fold is done.
        """
        results = []
        several = self.options['seeds'] is not None
        clear_stacks(self.runs)
        wall = {'wall_time_s': self._wall_time(seconds if trained else None)}
        runs = [run for run in self.runs if run.done()]
        for run in runs:
            done = run.done()
            for folder in done:
                folder.clear()
            # Seeds that are trained together have no wall time of their own.
            facts = {**({} if several else wall), **training_cost(done)}
            path = run.work_dir / 'results.json'
            results.append(pool_results(run, done, done, path, facts, run.missing()))
            self.result_files[path] = run
        if several and runs:
            missing = sum((run.missing() for run in self.runs), [])
            done = [run.done() for run in runs]
            path = self.work_dir / 'results.json'
            facts = {**wall, **training_cost(sum(done, []))}
            summary = pool_seeds(runs, results, done, path, facts, missing)
            results.append(summary)
            if summary:
                self.result_files[path] = None
        if not results or not results[-1]:
            return {}
        for hook in self.run_hooks:
            hook.after_train(self)
        return results[-1]

    def _wall_time(self, seconds: float | None) -> float | None:
        """Seconds of this sitting; of an earlier one, where this one only pooled."""
        if seconds is not None:
            return round(seconds, 3)
        try:
            stored = read_results(self.work_dir)
        except MERRunError:
            return None
        return (stored.get('extra') or {}).get('wall_time_s')

    def _announce(self, what: str, more: str = '') -> None:
        if not self.ranks.first:
            return
        plan, seeds = self.plan, self.options['seeds']
        share = self.options['share']
        print(
            f'{what}: {len(plan.wanted)} of {len(plan.folds)} folds, '
            f'{len(plan.subjects)} clips, {len(set(plan.subjects))} subjects, '
            + (f'seeds {", ".join(map(str, seeds))}' if seeds else f'seed {plan.seed}')
            + (f', share {share[0]} of {share[1]}' if share else '')
            + (f', {more}' if more else ''),
            flush=True,
        )
        for note in plan.notes:
            print(f'note: {note}', flush=True)
        if not seeds and (self.cfg.get('randomness') or {}).get('seed') is None:
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


class _Rescore:
    """The trained folds of one run, to be scored again.

    Args:
        run: The run as its config says.
        source: The work directory, fold or checkpoint to score.
    """

    def __init__(self, run: SeedRun, source: Path) -> None:
        self.run, self.source = run, source
        folders, stored = trained_folds(source)
        self.changed = compare_for_test(stored, run.plan)
        self.folds = {fold.name: fold for fold in run.plan.wanted}
        folders = [folder for folder in folders if folder.name in self.folds]
        if not folders:
            raise MERRunError(
                f'{source} holds no trained fold of {", ".join(sorted(self.folds))}'
            )
        for folder in folders:
            self._check(folder)
        check_one_run(folders)
        self.results = run.work_dir / 'results_test.json'
        self.pairs = [
            (folder, FoldFolder(run.work_dir / 'test' / folder.name))
            for folder in folders
        ]

    def score(self, folder: FoldFolder, target: FoldFolder) -> None:
        """Score one fold's checkpoint into another folder."""
        state = folder.state()
        target.path.mkdir(parents=True, exist_ok=True)
        cfg = self.run.test_config(self.folds[folder.name], target, state)
        score_fold(testing_config(cfg), folder.model, state['held_out'])

    def pool_results(self, seconds: float) -> dict[str, Any]:
        """Pool, print and save."""
        trained, scored = ([*side] for side in zip(*self.pairs, strict=True))
        join_dumps(self.run.cfg.get('test_evaluator'), scored)
        facts = {
            'wall_time_s': seconds,
            'checkpoints': str(self.source),
            'config_differs': self.changed,
        }
        return pool_results(self.run, trained, scored, self.results, facts)

    def _check(self, folder: FoldFolder) -> None:
        """Refuse a fold of which other subjects were held out."""
        plan, state = self.run.plan, folder.state()
        needed = ('seed', 'selection', 'fingerprint', 'parameters')
        if lacking := [key for key in needed if key not in state]:
            raise MERRunError(
                f'{folder.state_file}: does not say its {", ".join(lacking)}; '
                f'{how_to_mend(folder.path)}'
            )
        held_out = list(self.folds[folder.name].held_out)
        if (
            state.get('annotation') != plan.annotation
            or state.get('held_out') != held_out
        ):
            raise MERRunError(
                f'{folder.path}: was trained with another annotation file or other '
                f'subjects held out ({state.get("held_out")}) than this config says '
                f'({held_out}); use the config it was trained with'
            )
        check_model(folder)


def _key(job: FoldTask) -> tuple[int, str]:
    return job.run.plan.seed, job.fold.name
