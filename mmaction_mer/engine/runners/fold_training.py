"""Training of one fold: train, select, test, and leave a complete folder."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from ...evaluation.predictions import Key, read_predictions
from ...evaluation.summary import SELECTIONS
from ...models.utils.complexity import count_parameters
from ...models.utils.slim_checkpoint import (
    checkpoint_state_dict,
    load_slim,
    write_checkpoint,
)
from ...utils.errors import ConfigError, DivergedError
from ..hooks.best_iteration import BestIterationHook
from ..hooks.divergence import DivergenceHook, convert_divergence
from ..hooks.model_stream import ModelStreamHook
from ..hooks.slim_checkpoint_hook import SlimCheckpointHook
from ..hooks.subject_guard import SubjectGuardHook
from ..work_dir.fold_check import clip_problems
from ..work_dir.fold_folder import FoldFolder
from .fold_runner import FoldRunner, open_fold
from .sample_names import REMEDY
from .tasks import FoldTask


def train_fold(task: FoldTask, strategy: str = 'sequential') -> None:
    """Train and test a fold, or finish one that was interrupted.

    Args:
        task: The fold.
        strategy: How the fold is trained, for ``fold.json``. Defaults to
            'sequential'.

    Raises:
        DivergedError: Training diverged; the folder records it and keeps nothing else.
        MERRunError: The training state cannot be read, or predictions do not have the
            names of their clips.
        MERDataError: The data cannot be used.
    """
    try:
        _train_fold(task, strategy)
    except DivergedError as error:
        task.folder.diverge(error.iteration)
        raise


def _train_fold(task: FoldTask, strategy: str) -> None:
    cfg, folder, select = task.config(), task.folder, task.run.plan.select
    if folder.begin(task.details()):
        cfg.update(resume=True, load_from=str(folder.last))
    with open_fold(cfg) as runner:
        runner.register_hook(SubjectGuardHook(task.fold.held_out))
        runner.register_hook(ModelStreamHook(runner.seed))
        runner.register_hook(DivergenceHook(folder.name))
        if select != 'last':
            runner.register_hook(BestIterationHook())
        with convert_divergence(folder.name, runner):
            runner.train()
        iteration, chosen = runner.iter, {}
        if select != 'last':
            best = runner.hook(BestIterationHook).best
            iteration, chosen = load_best(runner.model, best, select)
        batch = runner.train_dataloader.batch_sampler.batch_size
        facts = {
            'iteration': iteration,
            **chosen,
            'strategy': strategy,
            'wall_time_s': round(runner.hook(SlimCheckpointHook).seconds, 3),
            'clips_trained': runner.iter * batch,
        }
        finish_fold(runner, task, facts, runner.test)


def load_best(
    model: nn.Module, best: dict[str, Any] | None, select: str
) -> tuple[int, dict[str, Any]]:
    """Load the weights of the best iteration of a fold.

    Args:
        model: The model to load them into.
        best: ``best`` of :class:`BestIterationHook`.
        select: On which subjects the iteration was chosen.

    Returns:
        The iteration, and the fields of ``fold.json`` on its choice.

    Raises:
        ConfigError: There was no validation.
    """
    if best is None:
        raise ConfigError(
            f'selection {select!r} needs a validation, but there was none',
            field='train_cfg',
            hint='check val_begin and val_interval',
        )
    load_slim(model, best['state_dict'])
    chosen = {'chosen_by_uf1': best['value'], 'chosen_on': SELECTIONS[select]}
    return best['iteration'], chosen


def finish_fold(
    runner: FoldRunner,
    task: FoldTask,
    facts: dict[str, Any],
    test: Callable[[], Any],
) -> None:
    """Save a trained model, test it, and mark its fold as done.

    Args:
        runner: The runner of the model.
        task: The fold.
        facts: Fields of ``fold.json`` on its training.
        test: Scores the model and writes the predictions.

    Raises:
        DivergedError: Scores of held-out clips are not finite.
        ConfigError: The predictions are not of the clips of the fold.
    """
    folder = task.folder
    fingerprints = runner.hook(SlimCheckpointHook).fingerprints
    weights = checkpoint_state_dict(runner.model, fingerprints)
    metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', {})
    meta = dict(task.details(), iteration=facts['iteration'], dataset_meta=metainfo)
    write_checkpoint(folder.model, dict(meta=meta, state_dict=weights))
    with convert_divergence(folder.name, runner):
        test()
    check_predictions(folder, task.clips)
    folder.finish(
        {
            **facts,
            'finished': time.strftime('%Y-%m-%dT%H:%M:%S%z'),
            'parameters': count_parameters(runner.model),
            'device': device_name(),
            # Sums over different numbers of threads differ in their last digits.
            'threads': torch.get_num_threads(),
        }
    )


def check_predictions(folder: FoldFolder, clips: Mapping[Key, int]) -> None:
    """Check that the predictions just written are of the clips of the fold.

    Args:
        folder: The folder of the fold.
        clips: The label of each of its clips.

    Raises:
        ConfigError: A clip is missing, does not belong to the fold, or has another
            label.
        MERDataError: The predictions cannot be read.
    """
    if problem := clip_problems(read_predictions(folder.predictions), clips):
        raise ConfigError(
            problem,
            path=folder.predictions,
            hint=f'test_dataloader must load the clips and labels of the annotation; '
            f'{REMEDY}',
        )


def device_name() -> str:
    """Return the name of the device that this process trains on; ``cpu`` for none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu'


def score_fold(cfg: Config, model: Path, held_out: list[str]) -> dict[str, int]:
    """Score the checkpoint of a fold again.

    Args:
        cfg: The fold's config, without its training part.
        model: The checkpoint.
        held_out: The subjects that the fold tests on.

    Returns:
        The number of parameters, see :func:`count_parameters`.

    Raises:
        MERRunError: The checkpoint cannot be read or does not fit the model.
    """
    with open_fold(cfg) as runner:
        runner.register_hook(SubjectGuardHook(held_out))
        runner.load_checkpoint(str(model))
        runner.test()
        return count_parameters(runner.model)
