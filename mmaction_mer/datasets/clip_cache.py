"""Clips kept in memory after the part of a pipeline that always gives the same.

The data sets of this field are small: a few hundred clips of 16 frames are tens to
hundreds of megabytes. Reading and standardising them once, rather than once per
iteration, leaves only what is drawn at random to be done again.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from mmaction.registry import TRANSFORMS

# Shared by every data set of this process, so that folds do not read clips again.
_CLIPS: dict[tuple[str, str], dict[str, Any]] = {}


class CachedPipeline:
    """A pipeline whose deterministic beginning is computed once per clip.

    The beginning is every transform from the first on that has
    ``deterministic = True``: :class:`LoadMERFrames`, ``StandardizeLength`` and
    ``StabilizeHead``. Its frames are kept as one array per clip, shared by all data
    sets of the process with the same beginning; the rest runs on a copy. Workers of
    a data loader keep clips of their own: set ``num_workers=0`` to share them.

    Args:
        pipeline: Configs of transforms, or transforms, as a data set takes them.
    """

    def __init__(self, pipeline: list[dict | Callable]) -> None:
        self.names: list[str] = []
        for part in pipeline:
            kind = TRANSFORMS.get(part['type']) if isinstance(part, dict) else None
            if not getattr(kind, 'deterministic', False):
                break
            self.names.append(repr(sorted(part.items())))

    def __call__(self, row: dict[str, Any], transforms: list[Callable]) -> Any:
        """Run a pipeline on a clip.

        Args:
            row: The clip's annotation.
            transforms: The built transforms, in the order of the configs.

        Returns:
            What the pipeline gives.
        """
        count = len(self.names)
        # The number of a clip depends on the fold; nothing that is kept does.
        facts = {name: value for name, value in row.items() if name != 'sample_idx'}
        key = (repr(self.names), repr(sorted(facts.items())))
        results: Any
        if count and key in _CLIPS:
            kept = _CLIPS[key]
            results = {**kept, 'imgs': list(kept['imgs'].copy())}
            results.update((name, row[name]) for name in row.keys() - facts.keys())
        else:
            results = _run(row, transforms[:count])
            if count and len({frame.shape for frame in results['imgs']}) == 1:
                _CLIPS[key] = {**results, 'imgs': np.stack(results['imgs'])}
        return _run(results, transforms[count:])


def _run(results: Any, transforms: list[Callable]) -> Any:
    for transform in transforms:
        results = transform(results)
        if results is None:
            return None
    return results


def forget_clips() -> None:
    """Free the memory that cached clips take."""
    _CLIPS.clear()
