"""Seeded draws: what a draw depends on, and what it leaves alone."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from mmaction_mer.engine.runners.seeding import (
    SeededBatchSampler,
    preserve_rng_state,
    seed_draws,
    seed_model_stream,
    seeded,
)


def draw():
    """A number of each stream."""
    return random.random(), float(np.random.rand()), float(torch.rand(()))


class Noisy:
    """Items whose values are drawn from all three streams."""

    metainfo = {'classes': ['a']}

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return index, *draw()


def loader(seed=0, counting=True, workers=0, rank=0, world=1):
    indices = range(rank, 6, world)
    batches = BatchSampler(indices, 2 // world, drop_last=False)
    plain = DataLoader(Noisy(), batch_sampler=batches, num_workers=workers,
                       collate_fn=list)  # fmt: skip
    return seed_draws(plain, seed, counting, rank, world)


@pytest.mark.parametrize(
    ('first', 'second', 'same'),
    [
        ((0, 1), (0, 1), True),
        ((0, 1), (0, 2), False),
        ((0, 1), (1, 0), False),
    ],
)
def test_what_a_seeded_block_draws(first, second, same):
    found = []
    for entropy in (first, second):
        with seeded(*entropy):
            found.append(draw())
    for a, b in zip(*found, strict=True):
        assert (a == b) == same


@pytest.mark.parametrize(
    ('first', 'second', 'same'), [((0, 3), (0, 3), True), ((0, 3), (0, 4), False),
                                  ((0, 3), (1, 3), False)],
)  # fmt: skip
def test_what_the_model_draws_in_an_iteration(first, second, same):
    found = []
    with preserve_rng_state():
        for seed, iteration in (first, second):
            seed_model_stream(seed, iteration)
            found.append(draw())
        with seeded(*first):  # not the stream of any clip
            assert draw() not in found
    assert (found[0] == found[1]) == same


def test_blocks_leave_the_streams_as_they_were():
    with preserve_rng_state():
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        expected = draw()
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        with pytest.raises(KeyError), seeded(0):
            draw()
            raise KeyError
        list(loader())
        assert draw() == expected


def test_draws_depend_on_the_seed_and_on_the_pass():
    training = loader()
    first, second = list(training), list(training)
    assert first != second and first == list(loader()) != list(loader(seed=1))
    testing = loader(counting=False)
    assert list(testing) == list(testing)


def test_draws_do_not_depend_on_workers_and_ranks():
    whole = list(loader())
    assert list(loader(workers=2)) == whole
    parts = [list(loader(rank=rank, world=2)) for rank in range(2)]
    joined = [a + b for a, b in zip(*parts, strict=True)]
    assert joined == whole


def test_skipped_batches_are_counted_and_not_loaded():
    whole, resumed = list(loader()), loader()
    resumed.batch_sampler.skip_before = 2
    assert list(resumed) == [None, None, whole[2]]


def test_a_seeded_loader_stands_for_the_plain_one():
    found = loader()
    assert len(found) == 3 and len(found.dataset) == 6
    assert found.dataset.metainfo == Noisy.metainfo
    batches = BatchSampler(SequentialSampler(range(6)), 2, drop_last=False)
    sampler = SeededBatchSampler(batches, True)
    assert sampler.sampler is batches.sampler and sampler.batch_size == 2
