"""Settings that several of the engine's tests train under."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config


@contextmanager
def one_thread() -> Iterator[None]:
    """Train with one thread: with other numbers of them last digits differ."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def changed_config(path: Path, work_dir: Path, changes: dict) -> Config:
    """Read a config and change it; ``model__width`` stands for ``model.width``."""
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    # Merging takes the _delete_ keys out of what it is given.
    changes = copy.deepcopy(changes)
    cfg.merge_from_dict(
        {key.replace('__', '.'): value for key, value in changes.items()}
    )
    return cfg
