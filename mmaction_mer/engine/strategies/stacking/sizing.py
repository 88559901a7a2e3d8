"""Estimate of the number of folds that fit in memory."""

import torch

from ....utils.memory import available_memory

# Peak memory of a step relative to what it saves for the backward pass: gradients of
# activations and temporary buffers are added.
WORKING = 3.0
# More brings a CPU no gain: one fold keeps it busy, and the system maps blocks above a
# gigabyte again at every step.
CPU_LIMIT = 4 << 30
# Fraction of the free memory to use, for the rest of the process and for others.
FRACTION = 0.5


def folds_that_fit(saved: int, trainable: int, device: torch.device) -> int:
    """Estimate how many folds fit in the memory of a CPU or a GPU.

    Args:
        saved: Bytes that a step of one fold saves for the backward pass, see
            :class:`~mmaction_mer.models.utils.saved_bytes.SavedBytes`.
        trainable: Bytes of the trainable parameters of one fold.
        device: The device that trains.

    Returns:
        A number of folds, 1 or more. On a GPU it is an upper bound: if that many do not
        fit, the step fails and the number is halved.
    """
    # Parameters, gradients and the optimizer's two moments.
    fold = WORKING * saved + 4 * trainable
    free = available_memory(device)
    if device.type == 'cpu':
        return max(1, int(min(FRACTION * free, CPU_LIMIT) / fold))
    return max(1, int(free * WORKING / fold))


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or on a CPU.

    >>> out_of_memory(torch.cuda.OutOfMemoryError('no room'))
    True
    >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    >>> out_of_memory(RuntimeError('shapes do not fit'))
    False
    """
    gpu = isinstance(error, torch.cuda.OutOfMemoryError)
    return gpu or "can't allocate memory" in str(error)
