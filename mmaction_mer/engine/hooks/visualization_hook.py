"""Contact sheets of tested clips, with their labels and predictions."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.engine.hooks import VisualizationHook
from mmaction.registry import HOOKS
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from torch import Tensor

from ...utils.errors import ConfigError
from ...utils.host.wrapping import wrap_method
from ...visualization.contact_sheet import contact_sheet
from ...visualization.saving import figure_pixels, save_figure


@HOOKS.register_module()
class MERVisualizationHook(Hook):
    """Draw clips of a test or a validation as contact sheets of their frames.

    It replaces mmaction's ``VisualizationHook``, which supports neither the inputs of
    ``PackMERInputs`` nor the labels of current data samples. ``tools/test.py
    --show-dir`` enables it.

    Args:
        enable: Whether to draw. Defaults to False.
        interval: Draw one of so many clips. Defaults to 1.
        show: Whether to show each sheet in a window. Defaults to False.
        out_dir: Folder for the sheets, ``<dataset>_<subject>_<clip>.png``, with the
            seed appended if the config has one. Defaults to None, and then they are
            passed to the visualizer.
        wait_time: Seconds that a window stays open. Defaults to 2.

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
                f'is {interval!r}, but must be a positive integer',
                field='default_hooks.visualization.interval',
            )
        self.enable, self.interval = enable, interval
        self.show, self.wait_time = show, wait_time
        self.out_dir = None if out_dir is None else Path(out_dir)
        self._seen = 0

    def before_test_epoch(self, runner) -> None:
        """Reset the count of clips."""
        self._seen = 0

    def before_val_epoch(self, runner) -> None:
        """Reset the count of clips."""
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
                title=f'{name}: {label_text(sample, classes)}',
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
        place: Index of the clip in the batch.

    Returns:
        Frames ``(H, W, 3)`` uint8 RGB.

    Raises:
        ConfigError: The inputs are not images.
    """
    if isinstance(inputs, dict):
        name = next((key for key in ('clip', 'image') if key in inputs), None)
        given = None if name is None else inputs[name][place]
    else:
        given = inputs[place]
    if not isinstance(given, Tensor) or not 3 <= given.ndim <= 5:
        kind = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
        raise ConfigError(
            f'clips cannot be drawn: the inputs of the model ({kind}) are not images',
            hint='leave out --show and --show-dir',
        )
    frames = given.detach().cpu()
    if frames.ndim == 3:
        frames = frames[None]
    elif frames.ndim == 5:  # several samples of one video, concatenated
        frames = frames.transpose(1, 2).flatten(0, 1)
    elif frames.shape[1] != 3:
        frames = frames.transpose(0, 1)
    return list(frames.float().round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def clip_name(sample: ActionDataSample, number: int) -> str:
    """Return the name of a clip's sheet.

    >>> sample = ActionDataSample()
    >>> clip_name(sample, 7)
    '7'
    >>> sample.set_metainfo(dict(dataset='smic', subject='s1', clip='s1/ne_01'))
    >>> clip_name(sample, 7)
    'smic_s1_ne_01'
    """
    names = [sample.get(key) for key in ('dataset', 'subject', 'clip')]
    if names[2] is None:
        path = sample.get('filename') or sample.get('frame_dir')
        names = [Path(path).stem if path else str(number)]
    elif names[1] and str(names[2]).startswith(f'{names[1]}/'):
        names[1] = None
    name = '_'.join(str(one) for one in names if one)
    return re.sub(r'[^\w.-]+', '_', name)[:150]


def label_text(sample: ActionDataSample, classes: Sequence[str] | None) -> str:
    """Describe the label of a clip and its prediction.

    >>> import torch
    >>> sample = ActionDataSample().set_gt_label(1).set_pred_label(0)
    >>> sample = sample.set_pred_score(torch.tensor([0.75, 0.25]))
    >>> label_text(sample, ['negative', 'positive'])
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


def _check_plain_inputs(draw: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, batch_idx: int, data_batch: dict, *args: Any, **kwargs: Any):
        if self.enable and isinstance(data_batch['inputs'], dict):
            raise ConfigError(
                "mmaction's VisualizationHook cannot draw the inputs of PackMERInputs",
                field='default_hooks.visualization',
                hint='use dict(type="MERVisualizationHook")',
            )
        return draw(self, batch_idx, data_batch, *args, **kwargs)

    return checked


# mmaction 1.2.0 raises KeyError: 0 if the inputs of a model are a dict.
wrap_method(VisualizationHook, '_draw_samples', _check_plain_inputs)
