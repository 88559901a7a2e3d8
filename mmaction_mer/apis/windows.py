"""A long video as windows that overlap."""

from collections.abc import Iterable, Iterator

import numpy as np

Window = tuple[int, list[np.ndarray]]


def sliding(frames: Iterable[np.ndarray], length: int, stride: int) -> Iterator[Window]:
    """Cut frames into windows, of which only one is held at a time.

    Args:
        frames: Frames in order.
        length: Frames of a window, 2 or more.
        stride: From the start of a window to that of the next, 1 to ``length``.

    Yields:
        Start and frames of each window. The last one ends with the last frame, so
        that it may begin sooner after the one before; frames that are fewer than a
        window are one.

    Raises:
        ValueError: The numbers make no windows.

    Example:
        >>> [(start, len(window)) for start, window in sliding(range(10), 4, 3)]
        [(0, 4), (3, 4), (6, 4)]
        >>> [(start, window) for start, window in sliding(range(6), 4, 3)]
        [(0, [0, 1, 2, 3]), (2, [2, 3, 4, 5])]
    """
    if length < 2 or not 1 <= stride <= length:
        raise ValueError(
            f'a window has 2 frames or more and a stride of 1 to its length, got '
            f'{length} and {stride}'
        )
    kept: list[np.ndarray] = []
    start = 0  # of what is kept
    due = 0  # start of the next window
    ended = 0  # where the last window ended
    for frame in frames:
        kept.append(frame)
        if start + len(kept) == due + length:
            yield due, kept[-length:]
            ended, due = due + length, due + stride
            # The last window may begin anywhere after the last one given.
            drop = max(0, len(kept) - length)
            del kept[:drop]
            start += drop
    total = start + len(kept)
    if total > ended:
        first = max(0, total - length)
        yield first, kept[first - start :]
