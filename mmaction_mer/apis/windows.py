"""Split a long video into overlapping windows."""

from collections.abc import Iterable, Iterator

import numpy as np

Window = tuple[int, list[np.ndarray]]


def sliding_windows(
    frames: Iterable[np.ndarray], length: int, stride: int
) -> Iterator[Window]:
    """Split frames into windows, holding only one window in memory.

    Args:
        frames: Frames in order.
        length: Number of frames per window, 2 or more.
        stride: Number of frames from one window to the next, 1 to ``length``.

    Yields:
        Start and frames of each window. The last window ends with the last frame, so
        that it may overlap more with the one before. Fewer frames than ``length`` are
        one window.

    Example:
        >>> [(start, len(window)) for start, window in sliding_windows(range(10), 4, 3)]
        [(0, 4), (3, 4), (6, 4)]
        >>> [(start, window) for start, window in sliding_windows(range(6), 4, 3)]
        [(0, [0, 1, 2, 3]), (2, [2, 3, 4, 5])]
    """
    kept: list[np.ndarray] = []
    start = 0  # of the frames that are kept
    due = 0  # start of the next window
    ended = 0  # end of the last window
    for frame in frames:
        kept.append(frame)
        if start + len(kept) == due + length:
            yield due, kept[-length:]
            ended, due = due + length, due + stride
            # The last window may begin anywhere after the start of this one.
            drop = max(0, len(kept) - length)
            del kept[:drop]
            start += drop
    total = start + len(kept)
    if total > ended:
        first = max(0, total - length)
        yield first, kept[first - start :]
