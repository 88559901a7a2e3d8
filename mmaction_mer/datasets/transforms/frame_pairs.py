"""Pairs of frames out of long clips: what a pre-training on near futures draws."""

from zlib import crc32

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...utils.errors import MERDataError
from ..annotation import clip_name
from ..clips import available_frames


def draw_pair(
    numbers: np.ndarray, delta: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int]:
    """Draw a frame and one shortly after it.

    Args:
        numbers: Rising numbers of the frames that exist, two or more.
        delta: Least and most frames between the two, a and b.
        rng: Draws.

    Returns:
        Numbers t and t + delta, delta uniform among the integers of [a, b] and t
        uniform among the frames that leave room for it. Where frames are missing, the
        existing one nearest to t + delta is taken, of those t for which that is still
        within [a, b] if there are any. A clip shorter than delta gives its ends.

    >>> draw_pair(np.arange(10, 20), (3, 3), np.random.default_rng(0))
    (15, 18)
    >>> draw_pair(np.array([4, 5]), (3, 9), np.random.default_rng(0))
    (4, 5)
    """
    gap = min(int(rng.integers(delta[0], delta[1] + 1)), int(numbers[-1] - numbers[0]))
    starts = numbers[numbers + gap <= numbers[-1]]
    ends = np.searchsorted(numbers, starts + gap)  # not before t + gap
    before = np.maximum(ends - 1, np.searchsorted(numbers, starts, side='right'))
    nearer = starts + gap - numbers[before] < numbers[ends] - starts - gap
    ends = numbers[np.where((before < ends) & nearer, before, ends)]
    inside = (ends - starts >= delta[0]) & (ends - starts <= delta[1])
    places = np.flatnonzero(inside) if inside.any() else np.arange(len(starts))
    place = places[rng.integers(len(places))]
    return int(starts[place]), int(ends[place])


@TRANSFORMS.register_module()
class DrawFramePair(BaseTransform):
    """Make a clip as short as a pair of near frames, before it is read.

    Place it before :class:`LoadMERFrames`; with ``max_frames=2`` that reads just the
    two frames, I_t and I_(t+delta) (MA2MI, Fig. 3 and 4).

    Required: what :class:`MERDataset` gives. Changed: ``onset`` (t), ``offset``
    (t + delta), ``apex`` (none), and ``fps`` with ``seconds``.

    Args:
        delta: Least and most frames between the two, both at least 1; drawn uniformly.
        seconds: So long the pair is taken to last: what moves fast in a
            macro-expression is shown in slow motion, as if it were micro. ``None``
            keeps the true frame rate.
        seed: Draw the same pair of a clip each time, by this number and the clip's
            name, as testing must; ``None`` draws from numpy's own stream.

    Raises:
        MERDataError: ``delta`` is no range, or the clip has fewer than two frames.
    """

    def __init__(
        self,
        delta: tuple[int, int],
        seconds: float | None = None,
        seed: int | None = None,
    ) -> None:
        low, high = delta
        if not 1 <= low <= high:
            raise MERDataError(
                f'delta is (a, b) with 1 <= a <= b, in frames, but is {tuple(delta)}'
            )
        if seconds is not None and seconds <= 0:
            raise MERDataError(f'seconds must be above 0, but is {seconds}')
        self.delta = int(low), int(high)
        self.seconds = seconds
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Narrow one clip."""
        name = clip_name(results)
        if 'imgs' in results:
            raise MERDataError(
                f'clip {name}: its frames are read already; place DrawFramePair before '
                'LoadMERFrames'
            )
        numbers = np.array(list(available_frames(results)), dtype=np.int64)
        inside = (numbers >= results['onset']) & (numbers <= results['offset'])
        if inside.sum() < 2:
            raise MERDataError(
                f'clip {name}: {inside.sum()} frame(s) between onset '
                f'{results["onset"]} and offset {results["offset"]}; a pair needs two'
            )
        if self.seed is None:
            rng = np.random.default_rng(np.random.randint(2**31, size=2))
        else:
            rng = np.random.default_rng([self.seed, crc32(name.encode())])
        start, end = draw_pair(numbers[inside], self.delta, rng)
        results.update(onset=start, offset=end, apex=None)
        if self.seconds is not None:
            results['fps'] = (end - start) / self.seconds
        return results
