"""Optimizer states of stacked folds: into one per fold, and back.

What a stack keeps of a fold (``stack_file.py``) can be made into the very ``last.pth``
that the fold would have left alone, so that a run may go on in another grouping or
under another strategy.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

# Counts updates; every other part of a state is as large as its parameter.
_SHARED = 'step'


def unstack(state: dict[str, Any], fold: int) -> dict[str, Any]:
    """Cut one fold's part out of the state of an optimizer of stacked parameters.

    Args:
        state: ``optimizer.state_dict()``.
        fold: Number of the fold in the stack.
    """

    def part(_: Any, key: str, value: Any) -> Any:
        # A view would be saved with the whole stack behind it.
        return _own(value if key == _SHARED else value[fold])

    return _mapped(state, part)


def joined(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the states of several folds into that of their stack."""

    def join(number: Any, key: str, value: Any) -> Any:
        if key == _SHARED:
            return _own(value)
        return torch.stack([state['state'][number][key] for state in states])

    return _mapped(states[0], join)


def _own(value: Any) -> Any:
    """Copy a value: optimizers change theirs in place."""
    return value.clone() if isinstance(value, torch.Tensor) else value


def _mapped(
    state: dict[str, Any], part: Callable[[Any, str, Any], Any]
) -> dict[str, Any]:
    return {
        **state,
        'state': {
            number: {
                key: value if value is None else part(number, key, value)
                for key, value in parts.items()
            }
            for number, parts in state['state'].items()
        },
    }
