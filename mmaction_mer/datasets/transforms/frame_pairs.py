"""Draw pairs of frames from long clips, for pre-training on motion (MA2MI)."""

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
    """Draw a frame and another one shortly after it.

    Args:
        numbers: Increasing numbers of the frames that exist, two or more.
        delta: Minimum and maximum distance in frames, a and b.
        rng: Random number generator.

    Returns:
        Numbers t and t + delta, with delta uniform among the integers of [a, b] and t
        uniform among the frames for which t + delta is in the clip. If frames are
        missing, the existing one nearest to t + delta is taken, and t is drawn from
        those for which it is still within [a, b], if any. A clip shorter than delta
        gives its first and last frame.

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
    """Shorten a clip to a random pair of nearby frames, before it is read.

    Place it before :class:`LoadMERFrames`, which with ``max_frames=2`` then reads only
    the two frames, I_t and I_(t+delta) (MA2MI, Fig. 3 and 4).

    Required keys: those of :class:`MERDataset`. Modified keys: ``onset`` (t),
    ``offset`` (t + delta), ``apex`` (None), and ``fps`` if ``seconds`` is set.

    Args:
        delta: Minimum and maximum distance in frames, at least 1; drawn uniformly.
        seconds: Nominal duration of the pair: the fast motion of a macro-expression is
            slowed down to that of a micro-expression. Defaults to None, which keeps
            the true frame rate.
        seed: Seed with which each clip gets the same pair every time, as testing
            needs. Defaults to None, which draws from numpy's global generator.

    Raises:
        MERDataError: ``delta`` is not a range, or the clip has fewer than two frames.
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
                f'must be (a, b) with 1 <= a <= b, but is {tuple(delta)}', field='delta'
            )
        if seconds is not None and seconds <= 0:
            raise MERDataError(f'must be above 0, but is {seconds}', field='seconds')
        self.delta = int(low), int(high)
        self.seconds = seconds
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Shorten one clip to a pair of frames."""
        name = clip_name(results)
        if 'imgs' in results:
            raise MERDataError(
                'its frames are already read',
                clip=name,
                hint='place DrawFramePair before LoadMERFrames',
            )
        numbers = np.array(list(available_frames(results)), dtype=np.int64)
        inside = (numbers >= results['onset']) & (numbers <= results['offset'])
        if inside.sum() < 2:
            raise MERDataError(
                f'has {inside.sum()} frame(s) between onset {results["onset"]} and '
                f'offset {results["offset"]}, but a pair needs two',
                clip=name,
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
