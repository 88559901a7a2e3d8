"""Features, maps and inputs of the held-out clips of a run, collected for figures."""

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

# Side in pixels of the patches over which differences of images are averaged.
_PATCH = 16


@dataclass
class ClipViews:
    """Outputs of the models for the held-out clips of a run, in the order of folds.

    Attributes:
        rows: Row of the dataset of each clip.
        tokens: Input of the head, of shape ``(D,)``, for each clip.
        frames: Apex frame, or the middle one, of shape ``(H, W, 3)``, in gray levels.
        maps: Non-negative maps of shape ``(H, W)`` of each clip, by name.
        rank_images: Rank-pooled images of shape ``(H, W, 3)``, after augmentation.
        apexes: Position of the apex among the frames; None where it is unknown.
        means: Means of the Gaussians, of shape ``(K,)``, in frames.
        weights: Weights of the Gaussians, of shape ``(K, T)``.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[np.ndarray] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    maps: dict[str, list[np.ndarray]] = field(default_factory=dict)
    rank_images: list[np.ndarray] = field(default_factory=list)
    apexes: list[float | None] = field(default_factory=list)
    means: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)

    @property
    def clips(self) -> list[str]:
        """Names of the clips, without dataset and subject."""
        return [row['clip'] for row in self.rows]


def has_gaussians(model: nn.Module) -> bool:
    """Check whether a model has motion prompts with Gaussians over time."""
    prompt = getattr(model.backbone, 'prompt', None)
    return prompt is not None and hasattr(prompt, 'gaussians')


def collect_views(
    model: nn.Module, data: Mapping[str, Any], run: str | Path, wanted: Sequence[str]
) -> ClipViews:
    """Run every clip through the fold that holds out its subject.

    Args:
        model: Model of the run, a :class:`MERRecognizer`.
        data: Config of the dataset, see :func:`~.held_out.clips_config`.
        run: Work directory of one seed.
        wanted: Any of ``'tokens'``, ``'maps'``, ``'rank'`` and ``'gaussians'``; the
            last two need a model with rank-pooled images and motion prompts.

    Raises:
        MERRunError: No fold is finished.
    """
    views = ClipViews()
    for clip in held_out_clips(model, data, run):
        views.rows.append(clip.row)
        with torch.no_grad():
            inputs = model.data_preprocessor(clip.batch)['inputs']
            if 'tokens' in wanted:
                views.tokens.append(model.features(inputs)[0].float().cpu().numpy())
            if 'rank' in wanted:
                pre = model.data_preprocessor
                views.rank_images.append(
                    _to_image((inputs['image'] * pre.std + pre.mean)[0])
                )
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
    # The frames are onset, apex and offset for MIACNet; else those of the clip, or its
    # rank-pooled image alone.
    apex = (len(frames) - 1) / 2
    if len(frames) != 3:
        known = apex_position(batch['data_samples'][0], len(frames))
        apex = apex if known is None else known
    views.frames.append(_to_image(frames[round(apex)]))
    found = {name: one[0] for name, one in seen.items()}
    grid = tuple(max(1, side // _PATCH) for side in frames.shape[-2:])
    found['difference'] = change_map(frames[round(apex)] - frames[0], grid)
    if 'motion' in inputs:
        image = inputs['image'][0]
        median = image.flatten(1).median(1).values[:, None, None]
        found['rank image'] = change_map(image - median, grid)
        motion = inputs['motion'][0].abs().mean(0)
        found['magnified motion'] = change_map(motion, grid)
    for name, one in found.items():
        views.maps.setdefault(name, []).append(one.detach().cpu().numpy())


def change_map(change: Tensor, grid: int | tuple[int, ...]) -> Tensor:
    """Return the magnitude of a change of an image, averaged over the cells of a grid.

    Args:
        change: Difference of images, of shape ``(3, H, W)``.
        grid: Number of cells along height and width.

    Returns:
        The map of shape ``(H, W)``, as coarse as the maps of a model.
    """
    coarse = functional.adaptive_avg_pool2d(change.abs().mean(0)[None, None], grid)
    return functional.interpolate(coarse, change.shape[-2:], mode='bilinear')[0, 0]


def _to_image(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).cpu().numpy()
