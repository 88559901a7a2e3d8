"""What the benchmarks share."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Name the processor and its cores."""
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.partition(': ')[2] for line in lines if line.startswith('model name')]
    cores = len(os.sched_getaffinity(0))
    return f'{names[0] if names else platform.machine()}, {cores} core(s)'
