"""Seeded draws: every clip that is drawn for training has its own random stream.

Draw ``(batch, position)`` of a run always gives the same augmented clip, whether the
main process or one of several workers loads it, in one session or after a kill. The
model's own stream (augmentation on the device, dropout) is seeded at every iteration
from the run's seed and the iteration's number, so that a fold draws the same alone and
among other folds.
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
    """Restore the CPU streams of Python, NumPy, and torch at the end of a block.

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
    """Seed the CPU streams of Python, NumPy, and torch, and restore them afterwards.

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
        # torch.manual_seed would seed the GPU's stream too, which is the model's.
        torch.default_generator.manual_seed(int(seeds[2]))
        yield


def seed_model_stream(seed: int, iteration: int) -> None:
    """Seed Python's, NumPy's, and torch's streams, GPUs included, for an iteration."""
    # The last number makes these streams differ from those of the clips' draws.
    sequence = np.random.SeedSequence((seed, iteration, 0, _MODEL))
    seeds = sequence.generate_state(3)
    random.seed(int(seeds[0]))
    np.random.seed(seeds[1])
    torch.manual_seed(int(seeds[2]))


class SeededBatchSampler:
    """A batch sampler that numbers its draws.

    Args:
        batches: The batch sampler to wrap.
        keeps_counting: Whether numbers continue from pass to pass (training), or every
            pass starts at batch 0 (validation and test, which must be repeatable).
        rank: Rank of this process among those that divide a global batch, as
            mmengine's samplers divide it: one clip each in turn. Defaults to 0.
        world: Number of these processes. Defaults to 1.

    Attributes:
        skip_before: The draws of earlier batches are skipped.
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
        """The inner sampler, on which mmengine calls ``set_epoch``."""
        return self.batches.sampler

    @property
    def batch_size(self) -> int:
        """Clips per batch."""
        return self.batches.batch_size

    def __len__(self) -> int:
        """Batches per pass."""
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield batches of (index, draw number), the latter None for skipped draws."""
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


class SeededDataset:
    """A data set that loads every draw under the seed of its number."""

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __getattr__(self, name: str) -> Any:
        """Return other attributes of the data set (metainfo, get_data_info, ...)."""
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.dataset)

    def __getitem__(self, draw: Draw) -> Any:
        """Load a clip; a skipped draw is None and costs nothing."""
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
        A loader of the same data in the same order. After
        ``loader.batch_sampler.skip_before = k`` the first k batches are not loaded,
        but None.
    """
    workers = loader.num_workers
    return DataLoader(
        SeededDataset(loader.dataset, seed),
        batch_sampler=SeededBatchSampler(
            loader.batch_sampler, keeps_counting, rank, world
        ),
        num_workers=workers,
        collate_fn=_SkipCollate(loader.collate_fn),
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context if workers else None,
        # Without a generator the loader would draw from the model's stream.
        generator=torch.Generator().manual_seed(seed),
        prefetch_factor=loader.prefetch_factor if workers else None,
        persistent_workers=loader.persistent_workers,
    )
