"""Some folds trained in one pass: built, checked, trained, saved, scored."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor
from tqdm import tqdm

from ....evaluation.predictions import NonFiniteScoreError
from ....models.data_preprocessors.augmentation import CropFlipParams
from ....models.utils.saved_bytes import SavedBytes
from ....models.utils.slim_checkpoint import frozen_fingerprints
from ....utils.errors import ConfigError, DivergedError, MERDataError, MERRunError
from ....utils.files import clear_half_written
from ....utils.text import first_line
from ...hooks.best_iteration import BestIterationHook
from ...hooks.divergence import next_iteration
from ...hooks.slim_checkpoint_hook import SlimCheckpointHook, training_state
from ...hooks.subject_guard import check_subjects, clip_subjects
from ...runners.fold_training import finish_fold, load_best
from ...runners.seeding import seed_model_stream
from ...runners.tasks import FoldTask
from .clip_table import Tables
from .compatibility import StackingNotSupported, check_config, check_runner
from .dropout import DropoutCall, listed_calls
from .fold_stack import (
    FoldStack,
    clip_each_fold,
    copy_of_learning,
    learning,
    total_loss,
)
from .sizing import folds_that_fit, out_of_memory
from .stack_file import Standing, label_of, stack_path, standings, write_stack
from .start import Start, open_runner, resumed, without_workers
from .states import joined

# Every so many iterations a GPU is asked whether a fold has diverged.
LOOK = 50
# A stack and a fold alone may differ by so much in their first loss, or it is no stack.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}


class StackedTrainer:
    """G folds of one run, or of several that differ in their seeds.

    Args:
        jobs: The folds.
        tables: The clips.
        initial_weights: First weights by seed; that of the first job is added.

    Raises:
        StackingNotSupported: These folds have to be trained one by one.
        MERRunError: A training state cannot be read.
    """

    def __init__(
        self,
        jobs: Sequence[FoldTask],
        tables: Tables,
        initial_weights: dict[int, Start],
    ) -> None:
        self.jobs = list(jobs)
        self.cfgs = [without_workers(job.config()) for job in self.jobs]
        self.select = self.jobs[0].run.plan.select
        check_config(self.cfgs[0])
        self.runner = open_runner(self.cfgs[0])
        initial_weights.setdefault(
            self.jobs[0].run.plan.seed, Start(0, copy_of_learning(self.runner.model))
        )
        try:
            self._build(tables, initial_weights)
        except BaseException:
            self.runner.close()
            raise

    def _build(self, tables: Tables, initial_weights: Mapping[int, Start]) -> None:
        runner, model = self.runner, self.runner.model
        model.train()
        check_runner(runner)
        self.device = next(model.parameters()).device
        self.hook = runner.hook(SlimCheckpointHook)
        self.hook.fingerprints = frozen_fingerprints(model)
        self.iterations = runner.max_iters
        self.table = tables.of(self.cfgs[0].train_dataloader, self.device)
        self.tested = tables.of(self.cfgs[0].test_dataloader, self.device)
        self.table.prepare(model.data_preprocessor)
        self.validated: list[Any] = []
        pairs = zip(self.jobs, self.cfgs, strict=True)
        self.batches = torch.stack([self._batches(job, cfg) for job, cfg in pairs])
        found = standings(self.jobs)
        starts = [
            self._start(job, initial_weights[job.run.plan.seed], standing)
            for job, standing in zip(self.jobs, found, strict=True)
        ]
        # Those that are done already trained with these.
        self.size = max([len(self.jobs), *(standing.size for standing in found)])
        self.path = stack_path(self.jobs)
        clear_half_written(self.path.parent, self.path.name)
        self.labels = [label_of(job) for job in self.jobs]
        self.iteration = starts[0].iteration
        self.seconds = [start.seconds for start in starts]
        self.choosing = [BestIterationHook() for _ in starts]
        for hook, start in zip(self.choosing, starts, strict=True):
            hook.best = start.best
        self.stack = FoldStack(model, [start.learned for start in starts])
        wrapper = runner.optim_wrapper
        self.stack.rebind_optimizer(wrapper.optimizer)
        if wrapper.clip_grad_kwargs and wrapper.grad_name == 'grad_norm':
            wrapper.clip_func = partial(clip_each_fold, refuse=self._spoil)
        if starts[0].optimizer is not None:
            wrapper.load_state_dict(joined([start.optimizer for start in starts]))
            for scheduler, state in zip(
                runner.param_schedulers or [], starts[0].schedulers or [], strict=True
            ):
                scheduler.load_state_dict(state)
        wrapper.initialize_count_status(model, self.iteration, self.iterations)
        runner.train_loop._iter = self.iteration
        self.losses: list[Tensor] = []
        self.rates: list[float] = []
        self.calls: list[DropoutCall] = []
        # First iteration, from 1, whose loss or gradients were not finite; 0 for none.
        self.spoiled = torch.zeros(len(self.jobs), dtype=torch.long, device=self.device)
        self.diverged: dict[int, DivergedError] = {}

    def __enter__(self) -> 'StackedTrainer':
        """Give the group itself."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Close the runner, and let the memory go."""
        self.runner.close()
        self.stack.parameters.clear()
        self.losses.clear()

    def folds_that_fit(self) -> int:
        """Take a step of the first fold alone, and tell how many memory would hold.

        It moves nothing.
        """
        self.alone, size = self._step_alone()
        return size

    def try_step(self) -> None:
        """Take a step of all folds, compare the first with itself alone.

        It moves nothing. :meth:`folds_that_fit` comes before it.

        Raises:
            StackingNotSupported: The model does not go through ``vmap``, or the stack's loss
                is not that of the fold alone.
            RuntimeError: So many folds do not fit, see ``out_of_memory``.
        """
        alone = self.alone
        geometry, noise = self._draw(0)
        try:
            losses = self._losses(0, geometry, noise)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            if out_of_memory(error):
                raise
            raise StackingNotSupported(
                f'the model does not go through vmap: {first_line(error)}'
            ) from error
        losses.sum().backward()
        tolerance = TOLERANCE[self._precision()]
        first = float(losses[0].detach())
        if not _close(torch.tensor(first), torch.tensor(alone), tolerance):
            raise StackingNotSupported(
                f'its loss is {first:.6f} in a stack, but {alone:.6f} alone'
            )
        # What begins at zero does not show in the loss, but in its gradient.
        for name, gradient in self.gradients.items():
            stacked = self.stack.parameters[name].grad
            if not _close(stacked[0], gradient, 10 * tolerance):
                raise StackingNotSupported(
                    f'the gradient of {name} is not that of a fold alone'
                )
        self.gradients.clear()
        # The optimizer's two moments, before any of them is there.
        stacked = self.stack.parameters.values()
        moments = [torch.empty_like(one) for one in stacked for _ in range(2)]
        del moments, losses
        self.runner.optim_wrapper.zero_grad()

    def train(self, quiet: bool = True) -> None:
        """Train to the last iteration, saving what a kill would cost otherwise."""
        runner = self.runner
        wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers
        started = time.monotonic()
        self.hook.timer.start(self.iteration)
        bar = tqdm(
            total=self.iterations, initial=self.iteration, unit='it', leave=False,
            desc=f'{len(self.jobs)} folds at once', disable=quiet,
        )  # fmt: skip
        before = list(self.seconds)

        def clock() -> None:
            share = (time.monotonic() - started) / len(self.jobs)
            self.seconds = [seconds + share for seconds in before]

        with bar:
            while self.iteration < self.iterations:
                settled = wrapper.inner_count % wrapper._accumulative_counts == 0
                if settled and self.hook.timer.due(self.iteration):
                    clock()
                    self._find_diverged()
                    self._save()
                geometry, noise = self._draw(self.iteration)
                losses = self._losses(self.iteration, geometry, noise)
                self.rates.append(wrapper.optimizer.param_groups[0]['lr'])
                self._spoil(losses.detach().isfinite())
                wrapper.update_params(losses.sum())
                for scheduler in schedulers or []:
                    scheduler.step()
                self.losses.append(losses.detach())
                self.iteration += 1
                runner.train_loop._iter = self.iteration
                # On a GPU each look waits for it.
                if self.device.type == 'cpu' or self.iteration % LOOK == 0:
                    self._find_diverged()
                    if len(self.diverged) == len(self.jobs):
                        break
                if self.select != 'last' and self._validation_is_due():
                    self._validate()
                bar.update()
        clock()
        self._find_diverged()
        now = frozen_fingerprints(self.runner.model)
        for key, value in (self.hook.fingerprints or {}).items():
            if key not in now or not torch.equal(value, now[key]):
                raise ConfigError(
                    f'what is frozen in {type(self.runner.model).__name__} changed '
                    f'during training ({key}): keep frozen layers in eval mode'
                )
        # What follows takes fold by fold, and one of them may fail.
        if len(self.diverged) == len(self.jobs):
            self._write_losses()
        elif self.iteration > self.hook.timer.iteration:
            self._save()

    def finish(self) -> Iterator[tuple[FoldTask, Exception | None]]:
        """Save and score fold after fold.

        Yields:
            Each job when it is done, or with the error that it ended in: a fold that
            diverged must not cost the others.
        """
        unfinished = False
        for number, job in enumerate(self.jobs):
            failure: Exception | None = self.diverged.get(number)
            if failure is None:
                try:
                    self._finish(number)
                except DivergedError as error:
                    job.folder.diverge(error.iteration)
                    failure = error
                except (MERDataError, MERRunError) as error:
                    failure, unfinished = error, True
            yield job, failure
        if not unfinished:
            self.path.unlink(missing_ok=True)

    def _spoil(self, finite: Tensor) -> None:
        """Note of which folds this iteration is the first that is not finite.

        Args:
            finite: Whether each fold is finite still, ``(G,)``.
        """
        first = (self.spoiled == 0) & ~finite
        self.spoiled = self.spoiled.masked_fill(first, self.iteration + 1)

    def _find_diverged(self) -> None:
        """Mark the folds that diverged; they are neither saved nor scored any more."""
        lost = (self.spoiled == 0) & ~self.stack.finite()
        found = self.spoiled.masked_fill(lost, next_iteration(self.runner)).tolist()
        for number, iteration in enumerate(found):
            if iteration and number not in self.diverged:
                self._mark_diverged(number, iteration)

    def _mark_diverged(self, number: int, iteration: int) -> None:
        job = self.jobs[number]
        self.diverged[number] = DivergedError(job.fold.name, iteration)
        job.folder.diverge(iteration)

    def _finish(self, number: int) -> None:
        runner, job, cfg = self.runner, self.jobs[number], self.cfgs[number]
        self.stack.show(number)
        iteration, chosen = self.iterations, {}
        if self.select != 'last':
            best = self.choosing[number].best
            iteration, chosen = load_best(runner.model, best, self.select)
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        held_out = set(job.fold.held_out)
        check_subjects(
            set(clip_subjects(dataset)) - held_out, 'tested on and not held out'
        )
        facts = {
            'iteration': iteration,
            **chosen,
            'strategy': 'stacked',
            # As with threads: other sizes differ in their last digits.
            'folds_at_once': self.size,
            'wall_time_s': round(self.seconds[number], 3),
            'clips_trained': self.iterations * self.batches.shape[2],
        }
        score = partial(self._score, dataset, cfg.test_dataloader, cfg.test_evaluator)
        finish_fold(runner, job, facts, score)

    def _validation_is_due(self) -> bool:
        """Tell whether mmengine's loop would validate after this iteration."""
        loop = self.runner.train_loop
        if self.iteration < loop.val_begin:
            return False
        last = self.iteration == self.iterations
        return last or self.iteration % loop.val_interval == 0

    def _validate(self) -> None:
        """Validate every fold, and keep its best iteration."""
        self._find_diverged()
        for number, (cfg, hook) in enumerate(
            zip(self.cfgs, self.choosing, strict=True)
        ):
            if number in self.diverged:
                continue
            self.stack.show(number)
            dataset = self.validated[number]
            try:
                metrics = self._score(dataset, cfg.val_dataloader, cfg.val_evaluator)
            except NonFiniteScoreError:
                self._mark_diverged(number, next_iteration(self.runner))
                continue
            hook.after_val_epoch(self.runner, metrics)

    def _score(self, dataset: Any, loader: Config, evaluators: Any) -> dict[str, Any]:
        """Score the model as it is on the clips of a data set."""
        model = self.runner.model
        evaluator = self.runner.build_evaluator(evaluators)
        evaluator.dataset_meta = dataset.metainfo
        numbers = self.tested.numbers(dataset).tolist()
        size = loader.get('batch_size', 1)
        model.eval()
        try:
            for begin in range(0, len(numbers), size):
                batch = self.tested.batch(numbers[begin : begin + size])
                with torch.no_grad():
                    outputs = model.test_step(batch)
                evaluator.process(data_samples=outputs, data_batch=batch)
        finally:
            model.train()
        return evaluator.evaluate(len(numbers))

    def _batches(self, job: FoldTask, cfg: Config) -> Tensor:
        """Clips of every iteration of a fold, ``(iterations, B)``."""
        loader = Runner.build_dataloader(cfg.train_dataloader, job.run.plan.seed)
        dataset = loader.dataset
        training = set(clip_subjects(dataset))
        check_subjects(training & set(job.fold.held_out), 'trained on and held out')
        if self.select != 'last':
            self.validated.append(DATASETS.build(cfg.val_dataloader.dataset))
            seen = set(clip_subjects(self.validated[-1]))
            check_subjects(training & seen, 'trained on and validated on')
        numbers = self.table.numbers(dataset)
        drawn = list(islice(iter(loader.batch_sampler), self.iterations))
        sizes = {len(batch) for batch in drawn}
        if len(drawn) < self.iterations or sizes != {loader.batch_sampler.batch_size}:
            raise StackingNotSupported(
                'batches differ in size from fold to fold: use '
                "train_dataloader.sampler=dict(type='InfiniteSampler')"
            )
        return numbers[torch.tensor(drawn)]

    def _start(self, job: FoldTask, birth: Start, standing: Standing) -> Start:
        """Read where a fold stands, or begin it."""
        job.folder.begin(job.details(), standing.stack is not None)
        if standing.path is not None:
            return resumed(standing, self.runner)
        _log_of(job).unlink(missing_ok=True)
        return birth

    def _draw(self, iteration: int) -> tuple[CropFlipParams, list[Tensor]]:
        """Draw an iteration's augmentation and dropout, each seed from its stream."""
        count = self.batches.shape[2]
        augmentation = self.runner.model.data_preprocessor.augmentation
        drawn: dict[int, tuple[CropFlipParams, list[Tensor]]] = {}
        for job in self.jobs:
            seed = job.run.plan.seed
            if seed not in drawn:
                seed_model_stream(seed, iteration)
                geometry = augmentation.draw(count)
                drawn[seed] = geometry, [call.draw() for call in self.calls]
        folds = [drawn[job.run.plan.seed] for job in self.jobs]
        geometry = CropFlipParams(*(
            torch.cat([getattr(one, part) for one, _ in folds])
            for part in ('top', 'left', 'flip')
        ))  # fmt: skip
        noise = [
            torch.stack(calls) for calls in zip(*(n for _, n in folds), strict=True)
        ]
        return geometry, noise

    def _losses(
        self, iteration: int, geometry: CropFlipParams, noise: Sequence[Tensor]
    ) -> Tensor:
        model = self.runner.model
        numbers = self.batches[:, iteration]
        with self.runner.optim_wrapper.optim_context(model):
            inputs = self.table.inputs(model.data_preprocessor, numbers, geometry)
            return self.stack.losses(inputs, self.table.labels[numbers], noise)

    def _step_alone(self) -> tuple[float, int]:
        """Loss of the first fold by the model's own step, and what memory holds."""
        model = self.runner.model
        self.stack.show(0)
        batch = self.table.batch(self.batches[0, 0].tolist())
        seed_model_stream(self.jobs[0].run.plan.seed, 0)
        kept = SavedBytes(model)
        with self.runner.optim_wrapper.optim_context(model), listed_calls() as calls:
            data = model.data_preprocessor(batch, True)
            with kept.counting():
                parts = model(**data, mode='loss')
        self.calls = calls
        loss = total_loss(parts)
        learn = learning(model)
        gradients = torch.autograd.grad(loss, learn.values(), allow_unused=True)
        self.gradients = {
            name: one
            for name, one in zip(learn, gradients, strict=True)
            if one is not None
        }
        size = sum(one.nbytes for one in learn.values())
        return float(loss.detach()), folds_that_fit(kept.total, size, self.device)

    def _precision(self) -> torch.dtype:
        with self.runner.optim_wrapper.optim_context(self.runner.model):
            mixed = torch.is_autocast_enabled(self.device.type)
        return torch.bfloat16 if mixed else torch.float32

    def _save(self) -> None:
        """Write the state of all folds as one: whatever happens, they stay together."""
        with self.hook.timer.saving(self.iteration):
            # Before the state: a kill in between leaves lines twice, and none out.
            self._write_losses()
            folds = [
                dict(label=label, seconds=seconds, best=hook.best)
                for label, seconds, hook in zip(
                    self.labels, self.seconds, self.choosing, strict=True
                )
            ]
            state = training_state(self.runner)
            write_stack(self.path, state, self.stack.state(), folds)
            for job in self.jobs:
                job.folder.clear()

    def _write_losses(self) -> None:
        """Add the losses since the last time to each fold's log, one line a step."""
        if not self.losses:
            return
        table = torch.stack(self.losses).float().cpu()
        first = self.iteration - len(table) + 1
        for number, job in enumerate(self.jobs):
            lines = [
                json.dumps(dict(loss=loss, lr=rate, iter=step, step=step))
                for step, (loss, rate) in enumerate(
                    zip(table[:, number].tolist(), self.rates, strict=True), first
                )
            ]
            path = _log_of(job)
            path.parent.mkdir(exist_ok=True)
            with open(path, 'a', encoding='utf-8') as file:
                file.writelines(f'{line}\n' for line in lines)
        self.losses.clear()
        self.rates.clear()


def _close(stacked: Tensor, alone: Tensor, tolerance: float) -> bool:
    """Compare numbers with their largest; those of a fold that diverged are none."""
    most = alone.abs().max()
    if not most.isfinite():
        return not stacked.isfinite().all()
    # A gradient may be zero alone and rounding in a stack.
    return bool((stacked - alone).abs().max() <= tolerance * (most + 1e-3))


def _log_of(job: FoldTask) -> Path:
    """Where mmengine's own log of a fold's losses would be."""
    return job.folder.path / 'vis_data' / 'scalars.json'
