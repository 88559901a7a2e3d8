"""Training of several folds in one pass: build, check, train, save and score them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmaction.registry import DATASETS
from torch import Tensor
from tqdm import tqdm

from ....evaluation.predictions import NonFiniteScoreError
from ....models.data_preprocessors.augmentation import CropFlipParams
from ....models.utils.slim_checkpoint import frozen_fingerprints
from ....utils.errors import DivergedError, MERDataError, MERRunError
from ....utils.files import clear_half_written
from ....utils.text import first_line
from ...hooks.best_iteration import BestIterationHook
from ...hooks.divergence import next_iteration
from ...hooks.slim_checkpoint_hook import (
    SlimCheckpointHook,
    check_unchanged,
    training_state,
)
from ...hooks.subject_guard import check_subjects, clip_subjects
from ...runners.fold_training import finish_fold, load_best
from ...runners.tasks import FoldTask
from .clip_table import Tables
from .compatibility import StackingNotSupportedError, check_config, check_runner
from .divergence import StackDivergence
from .fold_stack import FoldStack, clip_each_fold, copy_trainable
from .fold_state import FoldState, load_state, prepare_runner, without_workers
from .loss_log import LossLog, scalars_path
from .optimizer_state import stack_states
from .sampling import draw_iteration, sample_batches
from .scoring import score_clips
from .sizing import folds_that_fit, out_of_memory
from .stack_file import StoredState, find_states, fold_label, stack_path, write_stack
from .trial_step import check_equal, precision_of, step_alone

# Iterations between two checks for diverged folds on a GPU, each of which waits for it.
CHECK_INTERVAL = 50


class StackedTrainer:
    """Trainer of G folds of one run, or of several runs that differ in their seeds.

    Args:
        tasks: The folds.
        tables: The clips.
        initial_states: Initial states by seed; that of the first task is added.

    Raises:
        StackingNotSupportedError: These folds must be trained one by one.
        MERRunError: A training state cannot be read.
    """

    def __init__(
        self,
        tasks: Sequence[FoldTask],
        tables: Tables,
        initial_states: dict[int, FoldState],
    ) -> None:
        self.tasks = list(tasks)
        self.seeds = [task.run.plan.seed for task in self.tasks]
        self.cfgs = [without_workers(task.config()) for task in self.tasks]
        self.select = self.tasks[0].run.plan.select
        check_config(self.cfgs[0])
        self.runner = prepare_runner(self.cfgs[0])
        try:
            initial_states.setdefault(
                self.seeds[0], FoldState(0, copy_trainable(self.runner.model))
            )
            self._build(tables, initial_states)
        except BaseException:
            self.runner.close()
            raise

    def _build(self, tables: Tables, initial_states: Mapping[int, FoldState]) -> None:
        runner, model = self.runner, self.runner.model
        model.train()
        check_runner(runner)
        self.device = next(model.parameters()).device
        self.checkpoint_hook = runner.hook(SlimCheckpointHook)
        self.checkpoint_hook.fingerprints = frozen_fingerprints(model)
        self.iterations = runner.max_iters
        self.table = tables.of(self.cfgs[0].train_dataloader, self.device)
        self.test_table = tables.of(self.cfgs[0].test_dataloader, self.device)
        self.table.prepare(model.data_preprocessor)
        self._build_batches()
        stored = find_states(self.tasks)
        states = [
            self._begin(task, initial_states[seed], one)
            for task, seed, one in zip(self.tasks, self.seeds, stored, strict=True)
        ]
        # Folds of the same stack that are done already were trained in this size.
        self.size = max([len(self.tasks), *(one.size for one in stored)])
        self.path = stack_path(self.tasks)
        clear_half_written(self.path.parent, self.path.name)
        self.labels = [fold_label(task) for task in self.tasks]
        self.iteration = states[0].iteration
        self.seconds = [state.seconds for state in states]
        self.best_hooks = [BestIterationHook() for _ in states]
        for hook, state in zip(self.best_hooks, states, strict=True):
            hook.best = state.best
        self.stack = FoldStack(model, [state.parameters for state in states])
        self.divergence = StackDivergence(self.tasks, self.device)
        self.log = LossLog(self.tasks)
        self._build_optimizer(states)
        runner.train_loop._iter = self.iteration

    def _build_batches(self) -> None:
        """Draw the batches ``(G, iterations, B)``, and build the validation sets."""
        batches = []
        self.validation_sets: list[Any] = []
        for task, cfg in zip(self.tasks, self.cfgs, strict=True):
            drawn, subjects = sample_batches(task, cfg, self.table, self.iterations)
            batches.append(drawn)
            if self.select != 'last':
                dataset = DATASETS.build(cfg.val_dataloader.dataset)
                validated = set(clip_subjects(dataset))
                check_subjects(subjects & validated, 'trained on and validated on')
                self.validation_sets.append(dataset)
        self.batches = torch.stack(batches)

    def _build_optimizer(self, states: Sequence[FoldState]) -> None:
        """Let the optimizer update the stack, and load its state."""
        runner, wrapper = self.runner, self.runner.optim_wrapper
        self.stack.rebind_optimizer(wrapper.optimizer)
        if wrapper.clip_grad_kwargs and wrapper.grad_name == 'grad_norm':
            wrapper.clip_func = partial(
                clip_each_fold, report_finite=self._record_finite
            )
        if states[0].optimizer is not None:
            wrapper.load_state_dict(stack_states([one.optimizer for one in states]))
            for scheduler, state in zip(
                runner.param_schedulers or [], states[0].schedulers or [], strict=True
            ):
                scheduler.load_state_dict(state)
        wrapper.initialize_count_status(runner.model, self.iteration, self.iterations)

    def _begin(
        self, task: FoldTask, initial: FoldState, stored: StoredState
    ) -> FoldState:
        """Mark a fold as running, and return the state that it starts from."""
        task.folder.begin(task.details(), stored.stack is not None)
        if stored.path is not None:
            return load_state(stored, self.runner)
        scalars_path(task).unlink(missing_ok=True)
        return initial

    def __enter__(self) -> 'StackedTrainer':
        """Return the trainer itself."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Close the runner, and free the memory of the stack."""
        self.runner.close()
        self.stack.parameters.clear()

    def folds_that_fit(self) -> int:
        """Take a step of the first fold alone, and estimate how many folds would fit.

        Nothing is updated.
        """
        self.stack.load_fold(0)
        batch = self.table.batch(self.batches[0, 0].tolist())
        self.alone = step_alone(self.runner, batch, self.seeds[0])
        return folds_that_fit(self.alone.saved, self.alone.trainable, self.device)

    def try_step(self) -> None:
        """Take a step of all folds, and compare the first fold with its step alone.

        Nothing is updated. :meth:`folds_that_fit` must be called before.

        Raises:
            StackingNotSupportedError: The model does not support ``vmap``, or loss or
                gradients differ from those of the fold alone.
            RuntimeError: So many folds do not fit in memory, see ``out_of_memory``.
        """
        try:
            losses = self.compute_losses(0, *self.draw(0))
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            if out_of_memory(error):
                raise
            raise StackingNotSupportedError(
                f'the model does not support vmap: {first_line(error)}'
            ) from error
        losses.sum().backward()
        check_equal(self.stack, losses, self.alone, self.precision())
        self.alone.gradients.clear()
        # The optimizer allocates two moments later: check that they fit, too.
        stacked = self.stack.parameters.values()
        moments = [torch.empty_like(one) for one in stacked for _ in range(2)]
        del moments, losses
        self.runner.optim_wrapper.zero_grad()

    def train(self, quiet: bool = True) -> None:
        """Train to the last iteration, and save training states on the way.

        Args:
            quiet: Whether to hide the progress bar. Defaults to True.

        Raises:
            ConfigError: Frozen weights changed during training.
        """
        wrapper, timer = self.runner.optim_wrapper, self.checkpoint_hook.timer
        self._measured = time.monotonic()
        timer.start(self.iteration)
        bar = tqdm(
            total=self.iterations, initial=self.iteration, unit='it', leave=False,
            desc=f'{len(self.tasks)} folds at once', disable=quiet,
        )  # fmt: skip
        with bar:
            while self.iteration < self.iterations:
                pending = wrapper.inner_count % wrapper._accumulative_counts
                if not pending and timer.due(self.iteration):
                    self._check_divergence()
                    self._save()
                self._train_iteration()
                if self.device.type == 'cpu' or self.iteration % CHECK_INTERVAL == 0:
                    self._check_divergence()
                    if self.divergence.all:
                        break
                if self.select != 'last' and self._validation_is_due():
                    self._validate()
                bar.update()
        self._measure_time()
        self._check_divergence()
        check_unchanged(self.runner.model, self.checkpoint_hook.fingerprints)
        # Folds are finished one after another, and one of them may fail.
        if self.divergence.all:
            self.log.write(self.iteration)
        elif self.iteration > timer.iteration:
            self._save()

    def finish(self) -> Iterator[tuple[FoldTask, Exception | None]]:
        """Save and score one fold after another.

        Yields:
            Each task when it is done, with its error if it diverged or failed, which
            does not affect the others.
        """
        unfinished = False
        for index, task in enumerate(self.tasks):
            failure: Exception | None = self.divergence.errors.get(index)
            if failure is None:
                try:
                    self._finish_fold(index)
                except DivergedError as error:
                    task.folder.diverge(error.iteration)
                    failure = error
                except (MERDataError, MERRunError) as error:
                    failure, unfinished = error, True
            yield task, failure
        if not unfinished:
            self.path.unlink(missing_ok=True)

    def draw(self, iteration: int) -> tuple[CropFlipParams, list[Tensor]]:
        """Draw augmentation and dropout of an iteration, see ``sampling.py``."""
        augmentation = self.runner.model.data_preprocessor.augmentation
        size = self.batches.shape[2]
        return draw_iteration(
            self.seeds, iteration, augmentation, size, self.alone.calls
        )

    def compute_losses(
        self, iteration: int, geometry: CropFlipParams, noise: Sequence[Tensor]
    ) -> Tensor:
        """Compute the loss of each fold on its batch of an iteration, ``(G,)``."""
        model = self.runner.model
        numbers = self.batches[:, iteration]
        with self.runner.optim_wrapper.optim_context(model):
            inputs = self.table.inputs(model.data_preprocessor, numbers, geometry)
            return self.stack.losses(inputs, self.table.labels[numbers], noise)

    def precision(self) -> torch.dtype:
        """Return the data type of the forward pass."""
        return precision_of(self.runner, self.device)

    def _train_iteration(self) -> None:
        wrapper = self.runner.optim_wrapper
        losses = self.compute_losses(self.iteration, *self.draw(self.iteration))
        self.log.append(losses, wrapper.optimizer.param_groups[0]['lr'])
        self._record_finite(losses.detach().isfinite())
        wrapper.update_params(losses.sum())
        for scheduler in self.runner.param_schedulers or []:
            scheduler.step()
        self.iteration += 1
        self.runner.train_loop._iter = self.iteration

    def _record_finite(self, finite: Tensor) -> None:
        """Record whether loss or gradients of each fold are finite, ``(G,)``."""
        self.divergence.record(finite, self.iteration + 1)

    def _check_divergence(self) -> None:
        self.divergence.check(self.stack.finite(), next_iteration(self.runner))

    def _measure_time(self) -> None:
        """Divide the time since the last call among the folds."""
        now = time.monotonic()
        each = (now - self._measured) / len(self.tasks)
        self.seconds = [seconds + each for seconds in self.seconds]
        self._measured = now

    def _save(self) -> None:
        """Write the state of all folds to one file, so that they stay together."""
        self._measure_time()
        with self.checkpoint_hook.timer.saving(self.iteration):
            # Before the state: a kill in between repeats lines, and loses none.
            self.log.write(self.iteration)
            folds = [
                dict(label=label, seconds=seconds, best=hook.best)
                for label, seconds, hook in zip(
                    self.labels, self.seconds, self.best_hooks, strict=True
                )
            ]
            state = training_state(self.runner)
            write_stack(self.path, state, self.stack.state_dict(), folds)
            for task in self.tasks:
                task.folder.clear()

    def _validation_is_due(self) -> bool:
        """Return whether mmengine's loop would validate after this iteration."""
        loop = self.runner.train_loop
        if self.iteration < loop.val_begin:
            return False
        last = self.iteration == self.iterations
        return last or self.iteration % loop.val_interval == 0

    def _validate(self) -> None:
        """Validate every fold, and keep its best iteration."""
        self._check_divergence()
        for index, (cfg, dataset, hook) in enumerate(
            zip(self.cfgs, self.validation_sets, self.best_hooks, strict=True)
        ):
            if index in self.divergence.errors:
                continue
            self.stack.load_fold(index)
            try:
                scores = self._score(dataset, cfg.val_dataloader, cfg.val_evaluator)
            except NonFiniteScoreError:
                self.divergence.mark(index, next_iteration(self.runner))
                continue
            hook.after_val_epoch(self.runner, scores)

    def _finish_fold(self, index: int) -> None:
        runner, task, cfg = self.runner, self.tasks[index], self.cfgs[index]
        self.stack.load_fold(index)
        iteration, chosen = self.iterations, {}
        if self.select != 'last':
            best = self.best_hooks[index].best
            iteration, chosen = load_best(runner.model, best, self.select)
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        others = set(clip_subjects(dataset)) - set(task.fold.held_out)
        check_subjects(others, 'tested on and not held out')
        facts = {
            'iteration': iteration,
            **chosen,
            'strategy': 'stacked',
            # Like the number of threads, it changes the last digits.
            'folds_at_once': self.size,
            'wall_time_s': round(self.seconds[index], 3),
            'clips_trained': self.iterations * self.batches.shape[2],
        }
        score = partial(self._score, dataset, cfg.test_dataloader, cfg.test_evaluator)
        finish_fold(runner, task, facts, score)

    def _score(self, dataset: Any, loader: Any, evaluators: Any) -> dict[str, Any]:
        return score_clips(self.runner, self.test_table, dataset, loader, evaluators)
