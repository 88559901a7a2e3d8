"""What the benchmarks share; light, so that any Python can import it."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Name the processor and its cores."""
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.partition(': ')[2] for line in lines if line.startswith('model name')]
    cores = len(os.sched_getaffinity(0))
    return f'{names[0] if names else platform.machine()}, {cores} core(s)'


def row(
    name: str, clips_per_s: float, wall_s: float, speedup: float | None, **more: object
) -> dict:
    """One row of what ``--json`` writes: ``{"machine": ..., "rows": [...]}``.

    Numbers are cut to four digits.

    Args:
        name: What was measured; no other row of the file has this name.
        clips_per_s: Clips per second.
        wall_s: Seconds of what was timed: a run, a pass, a step or a call.
        speedup: Over what the benchmark compares with; None where that is missing.
        more: What else a benchmark has to say of it.
    """

    def short(value: float) -> float:
        return float(f'{value:.4g}')

    return dict(
        name=name,
        clips_per_s=short(clips_per_s),
        wall_s=short(wall_s),
        speedup=None if speedup is None else short(speedup),
        **more,
    )
