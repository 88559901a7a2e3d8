"""How often maps and Gaussians are right about a movement that is known, in words."""

import numpy as np

from ..evaluation.apex_agreement import apex_agreement
from ..evaluation.localization import pointing_hits
from ..models.peft.motion_prompt import MotionPrompt
from .figure_request import FigureRequest


def print_hits(request: FigureRequest) -> None:
    """Say how often maps point at the true movement, where that is known."""
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
    print(f'hottest place where the face moves, of {len(regions)} clips')
    for name, maps in views.maps.items():
        hits = pointing_hits(np.stack(maps), regions).mean()
        print(f'  {words.get(name, name):34}{hits:7.1%}')
    print(f'  {"pointing anywhere":34}{regions.mean():7.1%}')


def print_agreement(request: FigureRequest) -> None:
    """Say how well Gaussians agree with the true apexes, where these are known."""
    views = request.views
    if request.regions is None or None in views.apexes:
        return
    weights, apexes = np.stack(views.weights), np.array(views.apexes)
    prompt = request.model.backbone.prompt
    fresh = MotionPrompt(8, prompt.num_prompts, prompt.length, 8, prompt.patch_size)
    # Without motion the means and widths are those that every prompt starts with.
    side = prompt.patch_size
    still = fresh.embed.weight.new_zeros(1, prompt.length, 3, side, side)
    mu, _, start = (
        one.detach().numpy() for one in fresh.gaussians(0 * fresh.frame_features(still))
    )
    count = len(apexes)
    rows = {
        'as learnt': apex_agreement(np.stack(views.means), weights, apexes),
        'as they start': apex_agreement(
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
    print(f'  {"even in time":16}{"":21}{near.mean():9.1%}')
