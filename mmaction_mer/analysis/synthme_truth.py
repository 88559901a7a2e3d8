"""True regions of movement in the clips of a SynthME release."""

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

# Transforms of a pipeline that determine which part of a frame is visible.
_CROPS = ('CenterCrop', 'Resize')
_REMEDY = 'generate the release again with tools/data/make_synthme.py'


def true_regions(
    data: Mapping[str, Any], augmentation: Augmentation, clips: Sequence[str]
) -> np.ndarray | None:
    """Return the true regions of movement of clips, in the crop of the model.

    Args:
        data: Config of the dataset.
        augmentation: Augmentation of the data preprocessor, whose crop is applied.
        clips: Names of the clips, without dataset and subject.

    Returns:
        Masks of shape ``(N, H, W)``, bool, see :func:`movement_regions`; None if the
        dataset is not a SynthME release.

    Raises:
        MERDataError: ``truth.json`` of the release cannot be used.
    """
    path = Path(data.get('data_root') or '', 'truth.json')
    if not path.is_file():
        return None
    try:
        truth = read_json(path)
        size = int(truth['arguments']['size'])
        entries = {entry['clip']: entry for entry in truth['clips']}
        if not 0 < size <= MAX_SIDE:
            raise MERDataError(
                f'must be in 1..{MAX_SIDE}, got {size}',
                path=path,
                field='size',
                hint=_REMEDY,
            )
        if not entries.keys() >= set(clips):
            return None
        fields = np.stack([clip_field(entries[clip], size) for clip in clips])
    except MERDataError:
        raise
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise MERDataError(
            f'is not the truth of a SynthME release ({type(error).__name__})',
            path=path,
            hint=_REMEDY,
        ) from error
    crop = Compose([step for step in data['pipeline'] if step['type'] in _CROPS])
    masks = [
        crop(dict(imgs=[region.astype(np.uint8) * 255], img_shape=region.shape))['imgs']
        for region in movement_regions(fields)
    ]
    pixels = torch.from_numpy(np.stack(masks))
    return augmentation(pixels, augmentation.middle(len(pixels)))[:, 0].numpy() > 127
