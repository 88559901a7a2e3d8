"""Clips kept in memory after the part of a pipeline that always gives the same.

The data sets of this field are small: a few hundred clips of 16 frames are tens to
hundreds of megabytes. Reading and standardising them once, rather than once per
iteration, leaves only what is drawn at random to be done again.
"""

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmaction.datasets.transforms import CenterCrop, Resize

# Shared by every data set of this process, so that folds do not read clips again.
_CLIPS: dict[tuple[str, str], dict[str, Any]] = {}
# Of mmaction exactly these, which draw nothing; a child of them may.
_DRAW_NOTHING = (CenterCrop, Resize)


def is_deterministic(transform: Callable) -> bool:
    """Whether a transform gives the same each time, by its own class's word.

    >>> is_deterministic(Resize((224, 224)))
    True
    """
    kind = type(transform)
    return kind in _DRAW_NOTHING or bool(vars(kind).get('deterministic', False))


def describe(transform: Callable) -> str | None:
    """Write a transform with all its settings, however its config spells them.

    Returns:
        The text, None where the transform does not keep its settings under their
        names.

    >>> describe(CenterCrop(224))
    'mmaction.CenterCrop(crop_size=(224, 224), lazy=False)'
    """
    kind = type(transform)
    try:
        names = inspect.signature(kind).parameters
        settings = ', '.join(f'{name}={getattr(transform, name)!r}' for name in names)
    except (AttributeError, ValueError):
        return None
    return f'{kind.__module__.partition(".")[0]}.{kind.__qualname__}({settings})'


def beginning(transforms: Sequence[Callable]) -> list[str]:
    """Describe the deterministic transforms that a pipeline begins with."""
    names: list[str] = []
    for transform in transforms:
        name = describe(transform) if is_deterministic(transform) else None
        if name is None:
            break
        names.append(name)
    return names


class CachedPipeline:
    """A pipeline whose deterministic beginning is computed once per clip.

    The beginning is every transform from the first on whose own class (not a parent)
    says ``deterministic = True``, as :class:`LoadMERFrames`, ``StandardizeLength`` and
    ``StabilizeHead`` do, or that is mmaction's ``Resize`` or ``CenterCrop``. Its frames
    are kept as one array per clip until :func:`forget_clips`, shared by all data sets
    of the process with the same beginning; files must not change meanwhile. The rest
    runs on a copy. Workers of a data loader keep clips of their own: set
    ``num_workers=0`` to share them.

    Args:
        configs: The pipeline as the data set was given it.
        transforms: The transforms that were built from it.
    """

    def __init__(
        self, configs: Sequence[dict | Callable], transforms: Sequence[Callable]
    ) -> None:
        self.transforms = list(transforms)
        names = []
        for config, transform in zip(configs, transforms, strict=True):
            if not is_deterministic(transform):
                break
            names.append(repr(config))
        self.count = len(names)
        self.name = repr(names)

    def __call__(self, row: dict[str, Any]) -> Any:
        """Run the pipeline on a clip.

        Args:
            row: The clip's annotation.

        Returns:
            What the pipeline gives.
        """
        # The number of a clip depends on the fold; nothing that is kept does.
        facts = {name: value for name, value in row.items() if name != 'sample_idx'}
        numbers = {name: value for name, value in row.items() if name not in facts}
        key = (self.name, repr(sorted(facts.items())))
        if key in _CLIPS:
            # A copy of everything: later transforms may change what they are given.
            kept = copy.deepcopy(_CLIPS[key])
            return self._finish({**kept, 'imgs': list(kept['imgs']), **numbers})
        results = row
        for transform in self.transforms[: self.count]:
            results = transform(results)
        if self.count and len({frame.shape for frame in results['imgs']}) == 1:
            _CLIPS[key] = copy.deepcopy({**results, 'imgs': np.stack(results['imgs'])})
        return self._finish(results)

    def _finish(self, results: Any) -> Any:
        for transform in self.transforms[self.count :]:
            results = transform(results)
            if results is None:
                return None
        return results


def forget_clips() -> None:
    """Free the memory that cached clips take."""
    _CLIPS.clear()
