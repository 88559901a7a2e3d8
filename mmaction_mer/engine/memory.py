"""Freed memory that stays with the process."""

import ctypes
import platform

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
