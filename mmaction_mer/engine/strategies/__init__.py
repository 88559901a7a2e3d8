"""Strategies: in which manner the folds of a run are trained.

A strategy takes jobs and the options of ``loso``, brings the folder of every job to
``done`` and gives each job back as soon as it is. It must train the same folds to the
same numbers as ``sequential`` does; everything else (plan, ranks, pooling) is the
runner's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..runners.tasks import FoldTask
from .parallel import parallel
from .sequential import sequential
from .stacked import stacked

Strategy = Callable[[Sequence[FoldTask], Mapping[str, Any]], Iterator[FoldTask]]

STRATEGIES: dict[str, Strategy] = {
    'sequential': sequential,
    'stacked': stacked,
    'parallel': parallel,
}

__all__ = ['STRATEGIES', 'Strategy', 'parallel', 'sequential', 'stacked']
