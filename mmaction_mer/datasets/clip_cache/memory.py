"""Clips in the memory of one process."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Shared by all datasets of this process, so that folds do not read clips again.
_CLIPS: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}


class MemoryCache:
    """A transform that runs the beginning of a pipeline once per clip.

    The frames are kept as one array per clip until :func:`clear_memory`, shared by all
    datasets of the process whose pipelines begin alike; files must not change in the
    meantime. The workers of a data loader have caches of their own: set
    ``num_workers=0`` to share one.

    Args:
        transforms: The deterministic beginning of a pipeline, or a store in place of
            some of its transforms.
        prefix: The description of the beginning, see
            :func:`~.deterministic.deterministic_prefix`.
    """

    def __init__(self, transforms: Sequence[Callable], prefix: Sequence[str]) -> None:
        self.transforms = list(transforms)
        self.prefix = tuple(prefix)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the result of the transforms for a clip, as a copy.

        Args:
            row: The annotation of the clip.
        """
        # The index of a clip depends on the fold; nothing else does.
        facts = {name: value for name, value in row.items() if name != 'sample_idx'}
        own = {name: value for name, value in row.items() if name not in facts}
        key = (self.prefix, repr(sorted(facts.items())))
        if key in _CLIPS:
            # A deep copy: later transforms may change their input in place.
            cached = copy.deepcopy(_CLIPS[key])
            return {**cached, 'imgs': list(cached['imgs']), **own}
        results: Any = row
        for transform in self.transforms:
            results = transform(results)
        if len({frame.shape for frame in results['imgs']}) == 1:
            _CLIPS[key] = copy.deepcopy({**results, 'imgs': np.stack(results['imgs'])})
        return results


def clear_memory() -> None:
    """Remove all clips from memory."""
    _CLIPS.clear()
