"""Agreement of maps and Gaussians with true movements, printed as tables."""

from collections.abc import Mapping

import numpy as np

from ..evaluation.apex_agreement import apex_agreement
from ..evaluation.localization import pointing_hits
from ..models.peft.motion_prompt import MotionPrompt
from .figure_request import FigureRequest


def print_hits(maps: Mapping[str, np.ndarray], regions: np.ndarray) -> None:
    """Print how often the maximum of each map is inside the true movement.

    Args:
        maps: Maps of shape ``(N, H, W)``, by their label in the table.
        regions: Masks of shape ``(N, H, W)``, bool.
    """
    print(f'maximum of the map inside the true movement, of {len(regions)} clips')
    for label, one in maps.items():
        print(f'  {label:34}{pointing_hits(one, regions).mean():7.1%}')
    print(f'  {"pointing anywhere":34}{regions.mean():7.1%}')


def print_map_hits(request: FigureRequest) -> None:
    """Print the hit rates of all maps of a run if the true movement is known."""
    regions, views = request.regions, request.views
    if regions is None:
        return
    words = {
        'grad_cam': 'Grad-CAM of the predicted class', 'saliency': 'attention roll-out',
        'attribution': 'evidence for the predicted class',
        'difference': 'difference of apex and onset',
    }  # fmt: skip
    if not hasattr(request.model.backbone, 'vit'):
        words['saliency'] = 'magnitude of the action code'
    print_hits(
        {words.get(name, name): np.stack(one) for name, one in views.maps.items()},
        regions,
    )


def print_agreement(request: FigureRequest) -> None:
    """Print the agreement of the Gaussians with the true apexes, if these are known."""
    views = request.views
    if request.regions is None or None in views.apexes:
        return
    weights, apexes = np.stack(views.weights), np.array(views.apexes)
    prompt = request.model.backbone.prompt
    untrained = MotionPrompt(8, prompt.num_prompts, prompt.length, 8, prompt.patch_size)
    # Features of zero give the means and widths that every prompt starts with.
    side = prompt.patch_size
    still = untrained.embed.weight.new_zeros(1, prompt.length, 3, side, side)
    features = 0 * untrained.frame_features(still)
    mu, _, start = (one.detach().numpy() for one in untrained.gaussians(features))
    count = len(apexes)
    rows = {
        'trained': apex_agreement(np.stack(views.means), weights, apexes),
        'at the start': apex_agreement(
            mu.repeat(count, 0), start.repeat(count, 0), apexes
        ),
    }
    near = np.abs(np.arange(weights.shape[2]) - apexes[:, None]) <= 1.5
    print(f'Gaussians within 1.5 frames of the true apex, of {count} clips')
    print(f'  {"":16}{"any mean":>10}{"each mean":>11}{"weight":>9}{"correlation":>13}')
    for name, row in rows.items():
        print(
            f'  {name:16}{row["any"]:10.1%}{row["each"]:11.1%}{row["weight"]:9.1%}'
            f'{row["follows"]:13.2f}'
        )
    print(f'  {"uniform in time":16}{"":21}{near.mean():9.1%}')
