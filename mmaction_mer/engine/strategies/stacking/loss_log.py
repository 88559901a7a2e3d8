"""The losses of a stack, written to the log file of each fold."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ...runners.tasks import FoldTask


class LossLog:
    """Losses and learning rates of the iterations since the last write.

    Losses stay on the device until they are written, since copying them waits for it.

    Args:
        tasks: The folds.
    """

    def __init__(self, tasks: Sequence[FoldTask]) -> None:
        self._paths = [scalars_path(task) for task in tasks]
        self._losses: list[Tensor] = []
        self._rates: list[float] = []

    def append(self, losses: Tensor, rate: float) -> None:
        """Append an iteration.

        Args:
            losses: Loss of each fold, ``(G,)``.
            rate: The learning rate.
        """
        self._losses.append(losses.detach())
        self._rates.append(rate)

    def write(self, iteration: int) -> None:
        """Append the collected iterations to the log of each fold, one line for each.

        Args:
            iteration: Number of iterations done.
        """
        if not self._losses:
            return
        table = torch.stack(self._losses).float().cpu()
        first = iteration - len(table) + 1
        for path, losses in zip(self._paths, table.T.tolist(), strict=True):
            pairs = zip(losses, self._rates, strict=True)
            path.parent.mkdir(exist_ok=True)
            with open(path, 'a', encoding='utf-8') as file:
                for step, (loss, rate) in enumerate(pairs, first):
                    line = json.dumps(dict(loss=loss, lr=rate, iter=step, step=step))
                    file.write(f'{line}\n')
        self._losses.clear()
        self._rates.clear()


def scalars_path(task: FoldTask) -> Path:
    """Return the path of the file to which mmengine logs the losses of a fold."""
    return task.folder.path / 'vis_data' / 'scalars.json'
