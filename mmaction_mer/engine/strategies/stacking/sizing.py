"""How much memory a fold takes, and how many fit."""

import torch

from ....utils.memory import available_memory

# Beside what a step keeps there are its gradients and what it works with.
WORKING = 3.0
# More at once gains a CPU nothing: one fold keeps it busy, and blocks above a gigabyte
# are mapped anew by the system at every step.
CPU_MOST = 4 << 30
# Of what is free: room for the rest of the process, and for others.
SHARE = 0.5


def folds_that_fit(saved: int, learning: int, device: torch.device) -> int:
    """Estimate how many folds fit into a CPU's memory, or a GPU's.

    Args:
        saved: Bytes that a step of one fold keeps, see :class:`SavedBytes`.
        learning: Bytes of one fold's learning parameters.
        device: Where they train.

    Returns:
        A number of folds, 1 or more. On a GPU it is a first guess from above: what
        does not fit shows itself, and is halved.
    """
    # Parameters, gradients and two moments.
    fold = WORKING * saved + 4 * learning
    free = available_memory(device)
    if device.type == 'cpu':
        return max(1, int(min(SHARE * free, CPU_MOST) / fold))
    return max(1, int(free * WORKING / fold))


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on a GPU or on a CPU.

    >>> out_of_memory(torch.cuda.OutOfMemoryError('no room'))
    True
    >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    >>> out_of_memory(RuntimeError('shapes do not fit'))
    False
    """
    gpu = isinstance(error, torch.cuda.OutOfMemoryError)
    return gpu or "can't allocate memory" in str(error)
