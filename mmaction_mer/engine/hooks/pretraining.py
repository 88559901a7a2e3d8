"""Hooks of a pre-training: on whom, how fast, and what it makes."""

import time
from pathlib import Path
from typing import Any

import cv2
import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from ..runners.subject_leakage import (
    RECORD,
    merge_records,
    people_in,
    pretraining_records,
)


@HOOKS.register_module()
class PretrainedOnHook(Hook):
    """Write into every checkpoint on whose clips it was trained.

    ``meta['pretrained_on']`` is ``{dataset: [subject, ...]}``, or ``{dataset: None}``
    where nobody knows who is seen; whom the weights that it starts from have seen is
    among them. A protocol refuses weights that have seen its subjects (``overlap.py``).
    """

    def __init__(self) -> None:
        self.record: dict[str, list[str] | None] = {}

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take over who was seen before a cut, or by ``load_from``."""
        seen = checkpoint.get('meta', {}).get(RECORD)
        self.record = merge_records(self.record, seen or {})

    def before_train(self, runner) -> None:
        """Look who is in the training set."""
        drawn = people_in(runner.train_dataloader.dataset)
        started_from = pretraining_records(runner.cfg).values()
        self.record = merge_records(self.record, drawn, *started_from)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Write it down."""
        checkpoint['meta'][RECORD] = self.record


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Log clips per second of the whole run, all ranks together: ``clips_per_s``."""

    priority = 'BELOW_NORMAL'

    def __init__(self) -> None:
        self._before: float | None = None

    def before_train(self, runner) -> None:
        """Start the clock."""
        self._before = None

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Time from one iteration's end to the next one's."""
        now = time.perf_counter()
        if self._before is not None:
            clips = runner.train_dataloader.batch_sampler.batch_size * get_world_size()
            runner.message_hub.update_scalar(
                'train/clips_per_s', clips / (now - self._before)
            )
        self._before = now


@HOOKS.register_module()
class ReconstructionHook(Hook):
    """Draw what a pre-training makes of some pairs: ``reconstruction.png``.

    The pairs are the first of the validation set, or of the first training batch
    without one. The picture goes to the runner's visualizer as well, and so to any of
    its backends.

    Args:
        interval: Iterations between two pictures; the last is always drawn.
        pairs: So many rows.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 500, pairs: int = 4) -> None:
        self.interval = interval
        self.pairs = pairs
        self._batch: dict | None = None

    @master_only
    def before_train(self, runner) -> None:
        """Fetch the pairs."""
        self._batch = None
        if runner.val_loop is not None:
            dataset = runner.val_dataloader.dataset
            count = min(self.pairs, len(dataset))
            self._batch = runner.val_dataloader.collate_fn(
                [dataset[index] for index in range(count)]
            )

    @master_only
    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw when it is time."""
        if self._batch is None:
            self._batch = _beginning(data_batch, self.pairs)
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(
            runner
        ):
            self._draw(runner)

    @torch.no_grad()
    def _draw(self, runner) -> None:
        # Imported here: matplotlib takes a second that few processes need to spend.
        from ...visualization.reconstruction_figure import plot_reconstruction
        from ...visualization.saving import save_figure

        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        was_training = model.training
        model.eval()
        data = model.data_preprocessor(self._batch)
        made = model(**data, mode='tensor')
        model.train(was_training)
        first, last = data['inputs']['frames'].unbind(1)
        pre = model.data_preprocessor
        pictures = [
            (one * pre.std + pre.mean).permute(0, 2, 3, 1).cpu().numpy()
            for one in (first, last, made['frame'])
        ]
        heat = made['heat'].cpu().numpy()
        names = [sample.get('clip', '') for sample in data['data_samples']]
        figure = plot_reconstruction(*pictures, heat, names)
        path = save_figure(figure, Path(runner.work_dir, 'reconstruction.png'))
        drawn = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        runner.visualizer.add_image('reconstruction', drawn, step=runner.iter + 1)


def _beginning(batch: dict, count: int) -> dict:
    """The first clips of a collated batch."""
    return dict(
        inputs={key: value[:count] for key, value in batch['inputs'].items()},
        data_samples=batch['data_samples'][:count],
    )
