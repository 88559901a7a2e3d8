"""The clips that a model is tested on, each as a picture with what was predicted."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.engine.hooks import VisualizationHook
from mmaction.registry import HOOKS
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from torch import Tensor

from ...utils.errors import ConfigError
from ...visualization.contact_sheet import contact_sheet
from ...visualization.saving import figure_pixels, save_figure


@HOOKS.register_module()
class MERVisualizationHook(Hook):
    """Draw every so many clips of a test or a validation, as a sheet of their frames.

    Stands where a config has mmaction's ``VisualizationHook``, which knows neither the
    inputs of ``PackMERInputs`` nor the labels of today's data samples.
    ``tools/test.py --show-dir`` switches it on.

    Args:
        enable: Draw at all.
        interval: Clips from one that is drawn to the next.
        show: Show each sheet in a window.
        out_dir: Folder for the sheets, ``<dataset>_<subject>_<clip>.png`` with the seed
            behind where the config names one; without it they go to the visualizer.
        wait_time: Seconds that a window stays.

    Raises:
        ConfigError: The interval is not a positive integer.
    """

    def __init__(
        self,
        enable: bool = False,
        interval: int = 1,
        show: bool = False,
        out_dir: str | Path | None = None,
        wait_time: float = 2,
    ) -> None:
        if type(interval) is not int or interval < 1:
            raise ConfigError(
                f'interval of the drawn clips is {interval!r}, but must be 1 or more'
            )
        self.enable, self.interval = enable, interval
        self.show, self.wait_time = show, wait_time
        self.out_dir = None if out_dir is None else Path(out_dir)
        self._seen = 0

    def before_test_epoch(self, runner) -> None:
        """Count the clips anew."""
        self._seen = 0

    def before_val_epoch(self, runner) -> None:
        """Count the clips anew."""
        self._seen = 0

    def after_test_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw clips of this batch."""
        self._draw(runner, runner.test_dataloader, data_batch, outputs, 0)

    def after_val_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw clips of this batch."""
        self._draw(runner, runner.val_dataloader, data_batch, outputs, runner.iter)

    def _draw(
        self,
        runner: Any,
        loader: Any,
        batch: dict[str, Any],
        samples: Sequence[ActionDataSample],
        step: int,
    ) -> None:
        if not self.enable:
            return
        first, self._seen = self._seen, self._seen + len(samples)
        classes = (getattr(loader.dataset, 'metainfo', None) or {}).get('classes')
        seed = (runner.cfg.get('randomness') or {}).get('seed')
        for place, sample in enumerate(samples):
            if (first + place) % self.interval:
                continue
            name = clip_name(sample, first + place)
            if seed is not None:
                name += f'_seed{seed}'
            figure = contact_sheet(
                clip_frames(batch['inputs'], place),
                title=f'{name}: {told_labels(sample, classes)}',
            )
            if self.out_dir is not None:
                save_figure(figure, self.out_dir / f'{name}.png', dpi=100)
            if self.show:
                pixels = figure_pixels(figure)
                runner.visualizer.show(pixels, name, wait_time=self.wait_time)
            elif self.out_dir is None:
                runner.visualizer.add_image(name, figure_pixels(figure), step=step)


def clip_frames(inputs: Any, place: int) -> list[np.ndarray]:
    """Return the frames of one clip of a batch, as they entered the model.

    Args:
        inputs: ``clip (T, 3, H, W)`` or ``image (3, H, W)`` of each clip, as of
            ``PackMERInputs``, or mmaction's tensors ``([N,] 3, T, H, W)`` and
            ``(T, 3, H, W)``.
        place: Which clip of the batch.

    Returns:
        Frames ``(H, W, 3)`` uint8 RGB.

    Raises:
        ConfigError: The inputs are no pictures.
    """
    if isinstance(inputs, dict):
        name = next((key for key in ('clip', 'image') if key in inputs), None)
        given = None if name is None else inputs[name][place]
    else:
        given = inputs[place]
    if not isinstance(given, Tensor) or not 3 <= given.ndim <= 5:
        kind = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
        raise ConfigError(
            f'clips cannot be drawn: the inputs of the model ({kind}) are no pictures; '
            f'leave out --show and --show-dir'
        )
    frames = given.detach().cpu()
    if frames.ndim == 3:
        frames = frames[None]
    elif frames.ndim == 5:  # several samples of one video, one behind the other
        frames = frames.transpose(1, 2).flatten(0, 1)
    elif frames.shape[1] != 3:
        frames = frames.transpose(0, 1)
    pictures = frames.float().round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return list(pictures)


def clip_name(sample: ActionDataSample, number: int) -> str:
    """Name the picture of a clip.

    >>> sample = ActionDataSample()
    >>> clip_name(sample, 7)
    '7'
    >>> sample.set_metainfo(dict(dataset='smic', subject='s1', clip='s1/ne_01'))
    >>> clip_name(sample, 7)
    'smic_s1_ne_01'
    """
    told = [sample.get(key) for key in ('dataset', 'subject', 'clip')]
    if told[2] is None:
        path = sample.get('filename') or sample.get('frame_dir')
        told = [Path(path).stem if path else str(number)]
    elif told[1] and str(told[2]).startswith(f'{told[1]}/'):
        told[1] = None
    name = '_'.join(str(one) for one in told if one)
    return re.sub(r'[^\w.-]+', '_', name)[:150]


def told_labels(sample: ActionDataSample, classes: Sequence[str] | None) -> str:
    """Say what is seen and what was predicted.

    >>> import torch
    >>> sample = ActionDataSample().set_gt_label(1).set_pred_label(0)
    >>> sample = sample.set_pred_score(torch.tensor([0.75, 0.25]))
    >>> told_labels(sample, ['negative', 'positive'])
    'positive, predicted negative (0.75)'
    """

    def named(label: int) -> str:
        return classes[label] if classes and 0 <= label < len(classes) else str(label)

    words = []
    if 'gt_label' in sample and int(sample.gt_label.flatten()[0]) >= 0:
        words.append(named(int(sample.gt_label.flatten()[0])))
    if 'pred_label' in sample:
        label = int(sample.pred_label.flatten()[0])
        score = f' ({float(sample.pred_score[label]):.2f})' * ('pred_score' in sample)
        words.append(f'predicted {named(label)}{score}')
    return ', '.join(words) or 'no labels'


def _refuse_inputs_by_name(draw: Any) -> Any:
    @functools.wraps(draw)
    def checked(self: Any, batch_idx: int, data_batch: dict, *args: Any, **kwargs: Any):
        if self.enable and isinstance(data_batch['inputs'], dict):
            raise ConfigError(
                "default_hooks.visualization: mmaction's VisualizationHook cannot draw "
                'the inputs of PackMERInputs: use dict(type="MERVisualizationHook")'
            )
        return draw(self, batch_idx, data_batch, *args, **kwargs)

    return checked


# mmaction 1.2.0 says KeyError: 0 where the inputs of a model have names.
if not hasattr(VisualizationHook._draw_samples, '__wrapped__'):
    VisualizationHook._draw_samples = _refuse_inputs_by_name(
        VisualizationHook._draw_samples
    )
