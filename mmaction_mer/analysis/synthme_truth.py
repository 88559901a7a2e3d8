"""Where and when the clips of a SynthME release truly move, as a model sees them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose

from ..datasets.images.image_file import MAX_SIDE
from ..datasets.synthme.release import clip_field
from ..evaluation.localization import movement_regions
from ..models.data_preprocessors.augmentation import Augmentation
from ..utils.errors import MERDataError
from ..utils.json_files import read_json

#: Steps of a pipeline that say which part of a frame is seen.
_CUTS = ('CenterCrop', 'Resize')


def true_regions(
    data: Mapping[str, Any], augmentation: Augmentation, clips: Sequence[str]
) -> np.ndarray | None:
    """Where the clips truly move.

    Args:
        data: Config of a data set.
        augmentation: That of the model's data preprocessor, whose crop is applied.
        clips: Names of clips, without their data set's and subject's.

    Returns:
        ``(N, H, W)`` bool, see :func:`movement_regions`; ``None`` for what is no
        SynthME release.
    """
    path = Path(data.get('data_root') or '', 'truth.json')
    if not path.is_file():
        return None
    try:
        truth = read_json(path)
        size = int(truth['arguments']['size'])
        entries = {entry['clip']: entry for entry in truth['clips']}
        if not 0 < size <= MAX_SIDE:
            raise MERDataError(f'{path}: frames of {size} pixels; make it again')
        if not entries.keys() >= set(clips):
            return None
        fields = np.stack([clip_field(entries[clip], size) for clip in clips])
    except MERDataError:
        raise
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise MERDataError(
            f'{path}: is not the truth of a SynthME release '
            f'({type(error).__name__}); make it again'
        ) from error
    cut = Compose([step for step in data['pipeline'] if step['type'] in _CUTS])
    masks = [
        cut(dict(imgs=[region.astype(np.uint8) * 255], img_shape=region.shape))['imgs']
        for region in movement_regions(fields)
    ]
    seen = torch.from_numpy(np.stack(masks))
    return augmentation(seen, augmentation.middle(len(seen)))[:, 0].numpy() > 127
