"""The runner of a whole protocol: plan, folds, pooled results."""

import contextlib
import time
from pathlib import Path
from typing import Any

from mmaction.registry import HOOKS, RUNNERS
from mmengine.config import Config
from mmengine.hooks import Hook

from ...utils.cli.type_names import types_to_names
from ...utils.errors import ConfigError, FoldsFailed, MERRunError
from ...utils.files import clear_half_written
from ...utils.memory import keep_freed_memory
from ...utils.text import first_line
from ..strategies import STRATEGIES
from ..strategies.stacking.stack_file import clear_stacks
from ..work_dir.fingerprint import fingerprint
from ..work_dir.layout import RESULTS
from ..work_dir.lock import WorkDirLock
from ..work_dir.work_dir import WorkDir
from .distributed import Ranks
from .failures import check_all_attempted, check_all_done
from .plan import make_plan
from .progress import RunningScores, describe_plan, folds_bar
from .repair import repair_folds
from .rescoring import RescoredRun
from .results import pool_results, pool_seeds, training_cost
from .resuming import check_mixed_seeds, prepare_work_dir, resumed_config
from .sample_names import check_sample_names
from .tasks import FoldTask, SeedRun, runs_by_seed
from .tracking import check_trackers, track_fold


def build_run_hooks(configs: Any) -> list[Hook]:
    """Build the hooks that are called once per run.

    Args:
        configs: ``run_hooks`` of the config; None for none.

    Raises:
        ConfigError: It is not a list of configs of hooks.
    """
    try:
        return [HOOKS.build(config) for config in configs or ()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f'{configs!r} cannot be built: {first_line(error)}',
            field='run_hooks',
            hint="give a list such as [dict(type='RunReportHook')], or [] for none",
        ) from error


@RUNNERS.register_module()
class LOSORunner:
    """Run a subject-wise protocol fold by fold and pool its predictions.

    With ``runner_type = 'LOSORunner'`` in a config, any tool that builds its runner
    through ``RUNNERS``, mmaction's own included, runs the whole protocol::

        loso = dict(protocol='loso', strategy='stacked', select='last', folds=None)

    ``protocol`` is an argument of ``make_folds``; ``strategy`` is ``'sequential'``,
    ``'stacked'``, or ``'parallel'``, which give the same numbers; ``select`` is
    ``'last'`` (the last iteration is scored, without validation), ``'inner'`` (the best
    iteration on some training subjects, which are set aside), or ``'test'`` (the best
    on the held-out subjects themselves: every number is labeled so); ``folds`` lists
    the folds to run; ``seeds`` runs all of them once per seed; ``workers`` is for
    ``'parallel'``, ``folds_per_group`` for ``'stacked'``; ``share`` trains a part of
    the folds, ``(k, n)``, and leaves the pooling to another start; ``allow_leakage``
    lists data sets whose subjects the pre-trained weights may have seen.

    ``run_hooks`` of the config lists hooks that are called once per run, not once per
    fold: ``after_train(runner)`` and ``after_test(runner)`` on the first rank, when the
    results are saved. ``runner.result_files`` then maps each results file of this
    session to its run; the summary over seeds has none. ``configs/_base_/
    default_runtime.py`` lists ``RunReportHook``, which draws and reports.

    All files are in ``work_dir``: ``folds/<name>/``
    (:class:`~mmaction_mer.engine.work_dir.fold_folder.FoldFolder`), ``loso.json``,
    ``config.py``, ``results.json``, ``report.html``, and figures; with ``seeds`` one
    such folder ``seed<k>/`` per seed, and the summary over them in ``work_dir``. With
    ``resume`` finished folds are skipped and an interrupted one is continued.

    Args:
        cfg: The config.

    Raises:
        MERRunError: The run cannot start.
        MERDataError: The data cannot be used.
    """

    def __init__(self, cfg: Config) -> None:
        keep_freed_memory()
        self.cfg = resumed_config(cfg)
        self.work_dir = Path(cfg.work_dir)
        self.ranks = Ranks(cfg.get('launcher') or 'none')
        self.plan = make_plan(self.cfg)
        self.options = self.plan.options
        self.several = self.options['seeds'] is not None
        strategy = self.options['strategy']
        if strategy not in STRATEGIES:
            raise ConfigError(
                f'is {strategy!r}, not one of {", ".join(STRATEGIES)}',
                field='loso.strategy',
            )
        if self.ranks.world > 1 and (self.options['share'] or strategy == 'parallel'):
            raise MERRunError(
                "loso.share and strategy 'parallel' are for a single process",
                hint='use --launcher none',
            )
        # Only one rank writes to the console.
        console = 'WARNING' if self.ranks.first else 'ERROR'
        self.runs = runs_by_seed(self.cfg, self.plan, self.options['seeds'], console)
        self.run_hooks = build_run_hooks(self.cfg.get('run_hooks'))
        self.result_files: dict[Path, SeedRun | None] = {}

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'LOSORunner':
        """Build the runner from a config, like every runner of mmengine."""
        return cls(types_to_names(cfg))

    def train(self) -> dict[str, Any]:
        """Train and test every fold that is not done, then pool all that are.

        A fold that diverges or fails does not stop the others: the finished ones are
        pooled, and the results list the missing ones.

        Returns:
            The pooled results on the first rank; empty on the others, and if only a
            share of the folds was asked for.

        Raises:
            MERRunError: Another process works in this directory.
            FoldsFailed: Folds that were asked for are not done; all others are done
                and, except for a share, pooled.
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
                tasks = self._tasks()
                check_all_attempted(self.work_dir, tasks)
                results = {}
                if not self.options['share']:
                    seconds = time.monotonic() - started if trained else None
                    results = self._pool_trained(seconds)
                check_all_done(self.work_dir, tasks, bool(self.options['share']))
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

        ``cfg.load_from`` is a work directory, a fold's folder, or its ``model.pth``;
        without it, the run in ``cfg.work_dir`` is scored. No file of the run is
        overwritten: predictions go to ``work_dir/test/<fold>``, results to
        ``work_dir/results_test.json``.

        Returns:
            The pooled results on the first rank; empty on the others.
        """
        started = time.monotonic()
        self.ranks.take_device()
        check_sample_names(self.cfg)
        source = Path(self.cfg.get('load_from') or self.work_dir)
        parts = [
            RescoredRun(run, source / run.work_dir.name if self.several else source)
            for run in self.runs
        ]
        self._announce('test', f'checkpoints of {source}')
        if self.ranks.first and (changes := parts[0].changes):
            print(f'note: the config differs from the training: {"; ".join(changes)}')
        mine = self.ranks.shard([(part, pair) for part in parts for pair in part.pairs])
        with folds_bar(len(mine), 0, self.ranks.first) as bar:
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
            self.result_files[part.results_file] = part.run
        if self.several:
            path = self.work_dir / 'results_test.json'
            scored = [[target for _, target in part.pairs] for part in parts]
            facts = {'wall_time_s': seconds}
            results.append(pool_seeds(self.runs, results, scored, path, facts))
            self.result_files[path] = None
        for hook in self.run_hooks:
            hook.after_test(self)
        return results[-1]

    def _train(self, lock: WorkDirLock) -> list[FoldTask]:
        """Train the folds that are not done, and return them."""
        todo = self.ranks.broadcast(lambda: self._prepare(lock))
        tasks = self._tasks()
        pending = [task for task in tasks if [*_key(task)] in todo]
        done = len(tasks) - len(pending)
        self._announce('train and test', f'{done} done already' if done else '')
        mine = self.ranks.shard(pending)
        scores = RunningScores(self.runs)
        # With several ranks the bar covers the folds of the first one.
        done = done if self.ranks.world == 1 else 0
        with folds_bar(len(mine) + done, done, self.ranks.first) as bar:
            # The folders record what failed. An error here would end the other ranks.
            with contextlib.suppress(FoldsFailed):
                for task in STRATEGIES[self.options['strategy']](mine, self.options):
                    track_fold(task, self.work_dir)
                    bar.update()
                    bar.set_postfix_str(scores.update())
        self.ranks.barrier()
        return pending

    def _tasks(self) -> list[FoldTask]:
        """List the folds that were asked for, of all seeds; of a share, its own."""
        tasks = [FoldTask(run, fold) for run in self.runs for fold in run.plan.wanted]
        number, count = self.options['share'] or (0, 1)
        return tasks[number::count]

    def _prepare(self, lock: WorkDirLock) -> list[list]:
        """Lock and check the work directory, and list the folds that are not done."""
        lock.take()
        check_mixed_seeds(self.work_dir, self.several)
        if not self.options['share']:  # other shares may be writing at the moment
            for folder in {self.work_dir, *(run.work_dir for run in self.runs)}:
                clear_half_written(folder)
        for run in self.runs:
            prepare_work_dir(run.cfg, run.plan)
            # The folds of other shares may be written at the moment.
            own = [task.fold for task in self._tasks() if task.run is run]
            repair_folds(run, own if self.options['share'] else run.plan.folds)
        todo = [
            [run.plan.seed, fold.name]
            for run in self.runs
            for fold in run.plan.wanted
            if not run.folder(fold).done()
        ]
        if todo:
            check_sample_names(self.cfg)
            check_trackers(self.cfg)
        return todo

    def _pool_trained(self, seconds: float | None) -> dict[str, Any]:
        """Pool the finished folds, print and save the results, and call the run hooks.

        Args:
            seconds: Wall time of this session; None if it did not train.

        Returns:
            The results; empty if no fold is done.
        """
        results: list[dict[str, Any]] = []
        clear_stacks(self.runs)
        wall = {'wall_time_s': self._wall_time(seconds)}
        runs = [run for run in self.runs if run.done()]
        done = [run.done() for run in runs]
        for run, folders in zip(runs, done, strict=True):
            for folder in folders:
                folder.clear()
            # Seeds that are trained together have no wall time of their own.
            facts = {**({} if self.several else wall), **training_cost(folders)}
            path = run.work_dir / RESULTS
            results.append(
                pool_results(run, folders, folders, path, facts, run.missing())
            )
            self.result_files[path] = run
        if self.several and done:
            missing = sum((run.missing() for run in self.runs), [])
            path = self.work_dir / RESULTS
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
        """Return the seconds of this session; of an earlier one if it only pooled."""
        if seconds is not None:
            return round(seconds, 3)
        try:
            stored = WorkDir(self.work_dir).results()
        except MERRunError:
            return None
        return (stored.get('extra') or {}).get('wall_time_s')

    def _announce(self, what: str, more: str = '') -> None:
        if not self.ranks.first:
            return
        print(describe_plan(what, self.plan, more), flush=True)
        for note in self.plan.notes:
            print(f'note: {note}', flush=True)
        given = (self.cfg.get('randomness') or {}).get('seed')
        if not self.several and given is None:
            print('no seed is given: 0 is used', flush=True)


def _key(task: FoldTask) -> tuple[int, str]:
    return task.run.plan.seed, task.fold.name
