"""All folds in one pass: what learns is stacked, what is frozen is shared.

``fold_stack.py`` is the idea, ``group.py`` trains some folds by it, ``clip_table.py``
feeds them, ``reasons.py`` says what cannot be stacked.
"""

from .clip_table import ClipTable
from .compatibility import StackingNotSupported
from .fold_stack import FoldStack
from .trainer import StackedTrainer

__all__ = ['ClipTable', 'FoldStack', 'StackedTrainer', 'StackingNotSupported']
