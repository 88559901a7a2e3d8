"""What models see in clips that they have not learnt from, collected for figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .example_figure import apex_position
from .held_out import held_out_clips

#: Side in pixels of the places that plain differences are averaged over: a patch.
PLACE = 16


@dataclass
class ClipViews:
    """All held-out clips of a run, in the order of the folds; N of them.

    Attributes:
        rows: Their rows of the data set.
        folds: Name of each clip's fold.
        tokens: ``(D,)`` what the head is given of each clip.
        frames: ``(H, W, 3)`` apex frame of each, or the middle one, in grey levels.
        maps: By name, ``(H, W)`` of each clip, 0 and up.
        rank_images: ``(H, W, 3)`` of each, as the model sees it.
        apexes: Position of each apex among the frames; ``None`` where not known.
        means: ``(K,)`` means of each clip's Gaussians, in frames.
        weights: ``(K, T)`` weights of each.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    folds: list[str] = field(default_factory=list)
    tokens: list[np.ndarray] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    maps: dict[str, list[np.ndarray]] = field(default_factory=dict)
    rank_images: list[np.ndarray] = field(default_factory=list)
    apexes: list[float | None] = field(default_factory=list)
    means: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)

    @property
    def clips(self) -> list[str]:
        """Names of the clips, without data set and subject."""
        return [row['clip'] for row in self.rows]


def has_gaussians(model: nn.Module) -> bool:
    """Tell whether a model has motion prompts with Gaussians over time."""
    prompt = getattr(model.backbone, 'prompt', None)
    return prompt is not None and hasattr(prompt, 'gaussians')


def look_at_clips(
    model: nn.Module, data: Mapping[str, Any], run: str | Path, wanted: Sequence[str]
) -> ClipViews:
    """Show a run's clips to the folds that have not learnt from them.

    Args:
        model: The run's model, a :class:`MERRecognizer`.
        data: Config of its test clips.
        run: Work directory of one seed.
        wanted: Of ``'tokens'``, ``'maps'``, ``'rank'`` and ``'gaussians'``; the last
            two are of models with such streams.

    Raises:
        MERRunError: There is no finished fold.
    """
    views = ClipViews()
    for clip in held_out_clips(model, data, run):
        views.rows.append(clip.row)
        views.folds.append(clip.fold)
        with torch.no_grad():
            inputs = model.data_preprocessor(clip.batch)['inputs']
            if 'tokens' in wanted:
                views.tokens.append(model.features(inputs)[0].float().cpu().numpy())
            if 'rank' in wanted:
                views.rank_images.append(_picture(_rank_image(model, inputs)))
            if 'gaussians' in wanted:
                prompt = model.backbone.prompt
                found = prompt.gaussians(prompt.frame_features(inputs['motion']))
                views.means.append(found[0][0].cpu().numpy())
                views.weights.append(found[2][0].cpu().numpy())
                length = inputs['motion'].shape[1]
                sample = clip.batch['data_samples'][0]
                views.apexes.append(apex_position(sample, length))
        if 'maps' in wanted:
            _add_maps(views, model, clip.batch, inputs)
    return views


def _add_maps(views: ClipViews, model: nn.Module, batch: dict, inputs: dict) -> None:
    seen = model.saliency_maps(batch, inputs=inputs)
    frames = seen.pop('frames')[0]
    # Onset, apex, offset of a MIACNet; else a clip's frames, or its image alone.
    apex = (len(frames) - 1) / 2
    if len(frames) != 3:
        known = apex_position(batch['data_samples'][0], len(frames))
        apex = apex if known is None else known
    views.frames.append(_picture(frames[round(apex)]))
    found = {name: one[0] for name, one in seen.items()}
    found['difference'] = _places(frames[round(apex)] - frames[0])
    if 'motion' in inputs:
        image = inputs['image'][0]
        usual = image.flatten(1).median(1).values[:, None, None]
        found['rank image'] = _places(image - usual)
        found['magnified motion'] = _places(inputs['motion'][0].abs().mean(0))
    for name, one in found.items():
        views.maps.setdefault(name, []).append(one.detach().cpu().numpy())


def _places(change: Tensor) -> Tensor:
    """Magnitude of a change ``(3, H, W)``, no finer than the patches."""
    size = tuple(change.shape[-2:])
    grid = tuple(max(1, side // PLACE) for side in size)
    coarse = functional.adaptive_avg_pool2d(change.abs().mean(0)[None, None], grid)
    return functional.interpolate(coarse, size, mode='bilinear')[0, 0]


def _rank_image(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    pre = model.data_preprocessor
    return (inputs['image'] * pre.std + pre.mean)[0]


def _picture(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).cpu().numpy()
