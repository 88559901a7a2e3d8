"""Optimizer states of stacked folds: split into one per fold, and stacked again.

The state that a stack keeps of a fold (``stack_file.py``) can be converted to the
``last.pth`` that the fold would have written alone, so that a run can be resumed in
other groups or with another strategy.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

# The number of updates; every other entry has the shape of its parameter.
_SHARED = 'step'


def unstack_state(state: dict[str, Any], fold: int) -> dict[str, Any]:
    """Extract the state of one fold from that of an optimizer of stacked parameters.

    Args:
        state: ``optimizer.state_dict()``.
        fold: Index of the fold in the stack.
    """

    def select(_: Any, key: str, value: Any) -> Any:
        # A view would be saved together with the whole stack.
        return _copy(value if key == _SHARED else value[fold])

    return _map_entries(state, select)


def stack_states(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack the states of the optimizers of several folds."""

    def stack(parameter: Any, key: str, value: Any) -> Any:
        if key == _SHARED:
            return _copy(value)
        return torch.stack([state['state'][parameter][key] for state in states])

    return _map_entries(states[0], stack)


def _copy(value: Any) -> Any:
    """Copy a value, since optimizers change their tensors in place."""
    return value.clone() if isinstance(value, torch.Tensor) else value


def _map_entries(
    state: dict[str, Any], function: Callable[[Any, str, Any], Any]
) -> dict[str, Any]:
    return {
        **state,
        'state': {
            parameter: {
                key: value if value is None else function(parameter, key, value)
                for key, value in entries.items()
            }
            for parameter, entries in state['state'].items()
        },
    }
