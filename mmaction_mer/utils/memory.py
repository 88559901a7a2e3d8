"""Available memory, detection of exhausted resources, and reuse of freed memory."""

import ctypes
import errno
import platform
from pathlib import Path

import torch

# Parameters of mallopt, from malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Make the C library reuse large blocks instead of returning them to the system.

    Every iteration on a CPU frees and allocates the same tens of megabytes. By default
    glibc maps such blocks again each time, and the kernel clears all their pages, which
    takes a third of a training step of the demo (``benchmarks/allocator.py``). With
    this setting the process keeps the memory of its largest step until it ends.

    Returns:
        Whether it was set; only glibc has this option.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    library = ctypes.CDLL(None)
    return bool(
        library.mallopt(_MMAP_THRESHOLD, 1 << 30)
        and library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    )


def available_memory(device: torch.device) -> int:
    """Return the number of bytes that can still be allocated on a device.

    On a CPU this is the available memory of the system, or less if a control group
    limits this process.
    """
    if device.type == 'cuda':
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + kept
    limits = [_control_group_memory()]
    for line in _read('/proc/meminfo').splitlines():
        if line.startswith('MemAvailable:'):
            limits.append(int(line.split()[1]) * 1024)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else 4 * 2**30


# Messages of torch and Python when the system denies a resource.
_EXHAUSTED = (
    "can't allocate memory",
    'unable to mmap',
    "can't start new thread",
    'DataLoader worker',
)


def out_of_resources(error: BaseException) -> bool:
    """Return whether an error means that memory, threads or processes are used up.

    >>> out_of_resources(MemoryError())
    True
    >>> out_of_resources(RuntimeError('shapes do not match'))
    False
    """
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    # A data loader raises a RuntimeError if one of its workers was killed.
    return type(error) is RuntimeError and any(
        words in str(error) for words in _EXHAUSTED
    )


def _control_group_memory() -> int | None:
    """Return the memory left in the control group of a container, or None."""
    for limit, used in (
        ('memory.max', 'memory.current'),
        ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes'),
    ):
        most = _read(f'/sys/fs/cgroup/{limit}').strip()
        taken = _read(f'/sys/fs/cgroup/{used}').strip()
        if most.isdigit() and taken.isdigit():
            # The page cache counts as used but can be reclaimed: assume a quarter.
            return max(int(most) - int(taken), int(most) // 4)
    return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding='ascii')
    except OSError:
        return ''
