"""Settings and assertions that several of the engine's tests share."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config

from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint

NAMES = ('s1', 's2', 's3', 's4')


@contextmanager
def one_thread() -> Iterator[None]:
    """Train with one thread: with other numbers of them the last digits differ."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def changed_config(path: Path, work_dir: Path, changes: dict) -> Config:
    """Read a config and change it; ``model__width`` means ``model.width``."""
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    # Merging removes the _delete_ keys from its argument.
    changes = copy.deepcopy(changes)
    cfg.merge_from_dict(
        {key.replace('__', '.'): value for key, value in changes.items()}
    )
    return cfg


def train(cfg: Config) -> dict:
    """Train a config by the runner that it names."""
    return RUNNERS.build(cfg).train()


def predictions(work_dir: Path, fold: str, part: str = 'folds') -> str:
    """Return the text of a fold's predictions."""
    return (work_dir / part / fold / 'predictions.jsonl').read_text()


def weights(work_dir: Path, fold: str) -> dict[str, torch.Tensor]:
    """Read the weights of a fold."""
    return read_checkpoint(work_dir / 'folds' / fold / 'model.pth')['state_dict']


def same_weights(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Return whether two state dicts are equal to the last bit."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def outcome(work_dir: Path) -> tuple[dict, list[str]]:
    """Everything of a run of the toy that must not depend on how it was made."""
    results = json.loads((work_dir / 'results.json').read_text())
    extra = results.pop('extra')
    results['parameters'] = extra['parameters']
    return results, [predictions(work_dir, name) for name in NAMES]


def edit_json(path: Path, **changes: object) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
