"""How much memory there is, and how much a fold takes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

# Beside what a step keeps there are its gradients and what it works with.
WORKING = 3.0
# Of what is free: room for the rest of the process, and for others.
SHARE = 0.5


class SavedBytes:
    """Counts what the forward pass of one step keeps for its backward pass."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count inside a ``with`` block."""

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            self._seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            yield

    @property
    def total(self) -> int:
        """Bytes, each storage once."""
        return sum(self._seen.values())


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
    share = SHARE if device.type == 'cpu' else 2 * SHARE * WORKING
    return max(1, int(share * available_memory(device) / fold))


def available_memory(device: torch.device) -> int:
    """Bytes that may still be taken on a device.

    On a CPU: what the system calls available, or less where a control group limits
    this process.
    """
    if device.type == 'cuda':
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + kept
    limits = [_control_group()]
    for line in _read('/proc/meminfo').splitlines():
        if line.startswith('MemAvailable:'):
            limits.append(int(line.split()[1]) * 1024)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else 4 * 2**30


def _control_group() -> int | None:
    """What is left of a container's memory, where it is in one."""
    for limit, used in (
        ('memory.max', 'memory.current'),
        ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes'),
    ):
        most = _read(f'/sys/fs/cgroup/{limit}').strip()
        taken = _read(f'/sys/fs/cgroup/{used}').strip()
        if most.isdigit() and taken.isdigit():
            # The page cache counts as taken, but gives way; half of it is a guess.
            return max(int(most) - int(taken), int(most) // 4)
    return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding='ascii')
    except OSError:
        return ''
