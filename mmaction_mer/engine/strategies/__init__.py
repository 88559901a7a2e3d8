"""Training strategies: the ways in which the folds of a run are trained.

A strategy receives tasks and the options of ``loso``, trains each fold until its folder
is ``done``, and yields its task. It must train each fold to the same numbers as
``sequential`` does; plan, ranks and pooling are left to the runner.
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
