"""Seeded draws: every clip drawn for training has its own random stream.

Draw number ``(batch, position)`` of a run always gives the same augmented clip,
whoever loads it: the main process, one worker or eight, in one sitting or after
a kill. The model's own stream (augmentation on the device, dropout) starts anew with
every iteration, from the run's seed and the iteration's number: whatever trains this
iteration, alone or among other folds, draws the same.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

_MODEL = 1

Draw = tuple[int, tuple[int, int] | None]


@contextmanager
def preserve_rng_state() -> Iterator[None]:
    """Put Python's, numpy's and torch's CPU stream back to where they were.

    >>> with preserve_rng_state():
    ...     first = random.random(), np.random.rand(), torch.rand(1)
    >>> first == (random.random(), np.random.rand(), torch.rand(1))
    True
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Seed Python's, numpy's and torch's CPU stream, and put them back afterwards.

    >>> with seeded(0, 1):
    ...     first = random.random(), np.random.rand(), torch.rand(1)
    >>> with seeded(0, 1):
    ...     first == (random.random(), np.random.rand(), torch.rand(1))
    True
    """
    seeds = np.random.SeedSequence(entropy).generate_state(3)
    with preserve_rng_state():
        random.seed(int(seeds[0]))
        np.random.seed(seeds[1])
        # torch.manual_seed would reach for the GPU's stream too: that is the model's.
        torch.default_generator.manual_seed(int(seeds[2]))
        yield


def seed_model_stream(seed: int, iteration: int) -> None:
    """Seed Python's, numpy's and torch's streams, a GPU's too, for one iteration."""
    # The last number keeps these streams apart from those of the clips' draws.
    sequence = np.random.SeedSequence((seed, iteration, 0, _MODEL))
    seeds = sequence.generate_state(3)
    random.seed(int(seeds[0]))
    np.random.seed(seeds[1])
    torch.manual_seed(int(seeds[2]))


class SeededBatchSampler:
    """A batch sampler that numbers its draws.

    Args:
        batches: The batch sampler to wrap.
        keeps_counting: Number on from pass to pass (training), or start every
            pass at batch 0 (validation and test, which must repeat themselves).
        rank: Number of this process among those that share a global batch, as
            mmengine's samplers share it: one clip each in turn.
        world: How many these are.
    """

    def __init__(
        self, batches: Any, keeps_counting: bool, rank: int = 0, world: int = 1
    ) -> None:
        self.batches = batches
        self.keeps_counting = keeps_counting
        self.rank, self.world = rank, world
        self.batch = 0
        self.skip_before = 0

    @property
    def sampler(self) -> Any:
        """The sampler inside, where mmengine looks for ``set_epoch``."""
        return self.batches.sampler

    @property
    def batch_size(self) -> int:
        """Clips per batch."""
        return self.batches.batch_size

    def __len__(self) -> int:
        """Batches per pass."""
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Give batches of (index, draw number); None for draws to be skipped."""
        if not self.keeps_counting:
            self.batch = 0
        for batch in self.batches:
            number = self.batch
            self.batch += 1
            skip = number < self.skip_before
            yield [
                (index, None if skip else (number, position * self.world + self.rank))
                for position, index in enumerate(batch)
            ]


class DrawDataset:
    """A dataset that loads a numbered draw under that number's seed."""

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __getattr__(self, name: str) -> Any:
        """Everything else is the dataset's own (metainfo, get_data_info, ...)."""
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.dataset)

    def __getitem__(self, draw: Draw) -> Any:
        """Load a clip; a skipped draw is None, at no cost."""
        index, number = draw
        if number is None:
            return None
        with seeded(self.seed, *number):
            return self.dataset[index]


class _SkipCollate:
    def __init__(self, collate: Callable) -> None:
        self.collate = collate

    def __call__(self, batch: list) -> Any:
        return None if batch[0] is None else self.collate(batch)


def seed_draws(
    loader: DataLoader,
    seed: int,
    keeps_counting: bool,
    rank: int = 0,
    world: int = 1,
) -> DataLoader:
    """Rebuild a data loader so that its draws are numbered and seeded.

    Args:
        loader: Any data loader that forms batches.
        seed: Seed of the run.
        keeps_counting: See :class:`SeededBatchSampler`.
        rank: See :class:`SeededBatchSampler`.
        world: See :class:`SeededBatchSampler`.

    Returns:
        The same data in the same order. ``loader.batch_sampler.skip_before = k``
        replays the first k batches without loading them (they come as None).
    """
    workers = loader.num_workers
    return DataLoader(
        DrawDataset(loader.dataset, seed),
        batch_sampler=SeededBatchSampler(
            loader.batch_sampler, keeps_counting, rank, world
        ),
        num_workers=workers,
        collate_fn=_SkipCollate(loader.collate_fn),
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context if workers else None,
        # Its own generator: the loader would draw from the model's stream.
        generator=torch.Generator().manual_seed(seed),
        prefetch_factor=loader.prefetch_factor if workers else None,
        persistent_workers=loader.persistent_workers,
    )
