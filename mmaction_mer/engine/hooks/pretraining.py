"""Hooks of a pre-training: the subjects it saw, its speed, and its reconstructions."""

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
    dataset_subjects,
    merge_records,
    pretraining_records,
)


@HOOKS.register_module()
class PretrainedOnHook(Hook):
    """Record in every checkpoint the subjects that it was trained on.

    ``meta['pretrained_on']`` is ``{dataset: [subject, ...]}``, or ``{dataset: None}``
    if the subjects of a data set are unknown; it includes the subjects seen by the
    initial weights. A protocol rejects weights that have seen its subjects
    (``runners/subject_leakage.py``).
    """

    def __init__(self) -> None:
        self.record: dict[str, list[str] | None] = {}

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the subjects seen before an interruption, or by ``load_from``."""
        seen = checkpoint.get('meta', {}).get(RECORD)
        self.record = merge_records(self.record, seen or {})

    def before_train(self, runner) -> None:
        """Add the subjects of the training set."""
        drawn = dataset_subjects(runner.train_dataloader.dataset)
        started_from = pretraining_records(runner.cfg).values()
        self.record = merge_records(self.record, drawn, *started_from)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Write the record into the checkpoint."""
        checkpoint['meta'][RECORD] = self.record


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Log the clips per second of all ranks together as ``clips_per_s``."""

    priority = 'BELOW_NORMAL'

    def __init__(self) -> None:
        self._before: float | None = None

    def before_train(self, runner) -> None:
        """Start the clock."""
        self._before = None

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Measure the time between the ends of two iterations."""
        now = time.perf_counter()
        if self._before is not None:
            clips = runner.train_dataloader.batch_sampler.batch_size * get_world_size()
            runner.message_hub.update_scalar(
                'train/clips_per_s', clips / (now - self._before)
            )
        self._before = now


@HOOKS.register_module()
class ReconstructionHook(Hook):
    """Draw the reconstructions of some pairs of frames: ``reconstruction.png``.

    The pairs are the first of the validation set, or of the first training batch if
    there is none. The figure is passed to the runner's visualizer as well, and so to
    all of its backends.

    Args:
        interval: Iterations between two figures; the last is always drawn. Defaults to
            500.
        pairs: Number of pairs, one per row. Defaults to 4.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 500, pairs: int = 4) -> None:
        self.interval = interval
        self.pairs = pairs
        self._batch: dict | None = None

    @master_only
    def before_train(self, runner) -> None:
        """Load the pairs."""
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
        """Draw the figure if it is due."""
        if self._batch is None:
            self._batch = _first_clips(data_batch, self.pairs)
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(
            runner
        ):
            self._draw(runner)

    @torch.no_grad()
    def _draw(self, runner) -> None:
        # Imported here, since importing matplotlib takes a second.
        from ...visualization.reconstruction_figure import plot_reconstruction
        from ...visualization.saving import save_figure

        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        was_training = model.training
        model.eval()
        data = model.data_preprocessor(self._batch)
        output = model(**data, mode='tensor')
        model.train(was_training)
        first, last = data['inputs']['frames'].unbind(1)
        pre = model.data_preprocessor
        images = [
            (one * pre.std + pre.mean).permute(0, 2, 3, 1).cpu().numpy()
            for one in (first, last, output['frame'])
        ]
        saliency = output['heat'].cpu().numpy()
        names = [sample.get('clip', '') for sample in data['data_samples']]
        figure = plot_reconstruction(*images, saliency, names)
        path = save_figure(figure, Path(runner.work_dir, 'reconstruction.png'))
        drawn = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        runner.visualizer.add_image('reconstruction', drawn, step=runner.iter + 1)


def _first_clips(batch: dict, count: int) -> dict:
    """Return the first clips of a collated batch."""
    return dict(
        inputs={key: value[:count] for key, value in batch['inputs'].items()},
        data_samples=batch['data_samples'][:count],
    )
