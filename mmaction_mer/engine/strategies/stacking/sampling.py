"""Random draws of a stack: the batches, augmentation and dropout noise of each fold."""

from collections.abc import Sequence
from itertools import islice

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

from ....models.data_preprocessors.augmentation import Augmentation, CropFlipParams
from ...hooks.subject_guard import check_subjects, clip_subjects
from ...runners.seeding import seed_model_stream
from ...runners.tasks import FoldTask
from .clip_table import ClipTable
from .compatibility import StackingNotSupportedError
from .dropout import DropoutCall


def sample_batches(
    task: FoldTask, cfg: Config, table: ClipTable, iterations: int
) -> tuple[Tensor, set[str]]:
    """Draw the batches of all iterations of a fold, as its data loader does.

    Args:
        task: The fold.
        cfg: Its config.
        table: The clips.
        iterations: Number of iterations.

    Returns:
        Indices of clips ``(iterations, B)``, and the subjects of the training set.

    Raises:
        StackingNotSupportedError: Batches differ in size.
        SubjectLeakageError: The training set contains a held-out subject.
    """
    loader = Runner.build_dataloader(cfg.train_dataloader, task.run.plan.seed)
    subjects = set(clip_subjects(loader.dataset))
    check_subjects(subjects & set(task.fold.held_out), 'trained on and held out')
    batches = list(islice(iter(loader.batch_sampler), iterations))
    sizes = {len(batch) for batch in batches}
    if len(batches) < iterations or sizes != {loader.batch_sampler.batch_size}:
        raise StackingNotSupportedError(
            'batches differ in size from fold to fold: use '
            "train_dataloader.sampler=dict(type='InfiniteSampler')"
        )
    return table.numbers(loader.dataset)[torch.tensor(batches)], subjects


def draw_iteration(
    seeds: Sequence[int],
    iteration: int,
    augmentation: Augmentation,
    batch_size: int,
    calls: Sequence[DropoutCall],
) -> tuple[CropFlipParams, list[Tensor]]:
    """Draw augmentation and dropout noise of an iteration from each fold's stream.

    Args:
        seeds: Seed of each of the G folds; folds with one seed have one stream.
        iteration: Number of the iteration, from 0.
        augmentation: The augmentation of the data preprocessor.
        batch_size: Clips per batch, B.
        calls: The calls of dropout.

    Returns:
        Crops and flips of the ``G B`` clips, and the noise of each call, ``(G, ...)``.
    """
    drawn: dict[int, tuple[CropFlipParams, list[Tensor]]] = {}
    for seed in seeds:
        if seed not in drawn:
            seed_model_stream(seed, iteration)
            params = augmentation.draw(batch_size)
            drawn[seed] = params, [call.draw() for call in calls]
    folds = [drawn[seed] for seed in seeds]
    params = CropFlipParams(*(
        torch.cat([getattr(one, part) for one, _ in folds])
        for part in ('top', 'left', 'flip')
    ))  # fmt: skip
    noise = [torch.stack(one) for one in zip(*(n for _, n in folds), strict=True)]
    return params, noise
