"""How much memory is left, how its end shows, and freed memory that is kept."""

import ctypes
import errno
import platform
from pathlib import Path

import torch

# glibc's names and numbers, malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Let the C library reuse large blocks instead of handing them back at once.

    Every iteration on a CPU frees and asks again for the same tens of megabytes. By
    default glibc maps such blocks anew each time, and the kernel clears every page of
    them: a third of a training step of the demo (``benchmarks/allocator.py``). The
    process then keeps the memory of its largest step until it ends.

    Returns:
        Whether it was set; only glibc can be told.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    library = ctypes.CDLL(None)
    return bool(
        library.mallopt(_MMAP_THRESHOLD, 1 << 30)
        and library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    )


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


# What torch and Python say where the system gives nothing more.
_REFUSED = (
    "can't allocate memory",
    'unable to mmap',
    "can't start new thread",
    'DataLoader worker',
)


def starved(error: BaseException) -> bool:
    """Tell whether an error says that memory, threads or processes ran out.

    >>> starved(MemoryError()), starved(RuntimeError("can't start new thread"))
    (True, True)
    >>> starved(RuntimeError('shapes do not fit'))
    False
    """
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    # A worker of a data loader that was killed ends its parent's step.
    plain = type(error) is RuntimeError
    return plain and any(words in str(error) for words in _REFUSED)


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
