"""All folds in one pass: trainable parameters are stacked, frozen ones are shared.

``fold_stack.py`` has the idea, ``trainer.py`` trains folds with it, ``clip_table.py``
provides their clips, and ``compatibility.py`` lists what cannot be stacked.
"""

from .clip_table import ClipTable
from .compatibility import StackingNotSupportedError
from .fold_stack import FoldStack
from .trainer import StackedTrainer

__all__ = ['ClipTable', 'FoldStack', 'StackedTrainer', 'StackingNotSupportedError']
