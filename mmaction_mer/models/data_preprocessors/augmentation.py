"""Random crops and flips of motion streams, a whole batch at a time on the device.

Magnification and rank pooling are sums over time, so that a crop or a flip of their
results is their result of a cropped or flipped clip: both streams can be computed once
per clip and augmented afterwards, with one geometry for both.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...utils.errors import MERDataError


@dataclass(frozen=True)
class CropFlipParams:
    """What is done to each of B clips.

    Attributes:
        top: ``(B,)`` in [0, 1]: where the crop lies, from the uppermost place to the
            lowest.
        left: ``(B,)``, alike.
        flip: ``(B,)`` bool: mirrored left to right.
    """

    top: Tensor
    left: Tensor
    flip: Tensor

    def __getitem__(self, clips: Tensor) -> 'CropFlipParams':
        """Pick the geometry of some clips."""
        return CropFlipParams(self.top[clips], self.left[clips], self.flip[clips])


class Augmentation:
    """Square crops and horizontal flips.

    Args:
        crop: Side of the square that is kept, in pixels; ``None`` keeps all. It is
            drawn in training and lies in the middle otherwise.
        flip: Chance of a flip in training.

    Raises:
        ValueError: A chance outside of [0, 1], or a crop without a pixel.

    Example:
        >>> augmentation = Augmentation(crop=2)
        >>> image = torch.arange(16.0).view(1, 4, 4)
        >>> augmentation(image, augmentation.middle(1)).tolist()
        [[[5.0, 6.0], [9.0, 10.0]]]
    """

    def __init__(self, crop: int | None = None, flip: float = 0.0) -> None:
        if not 0 <= flip <= 1:
            raise ValueError(f'flip is the chance of a flip, 0 to 1, got {flip}')
        if crop is not None and crop < 1:
            raise ValueError(f'crop is a side in pixels, got {crop}')
        self.crop = crop
        self.flip = flip

    def draw(self, count: int) -> CropFlipParams:
        """Draw for so many clips, from torch's stream on the CPU."""
        top, left, flip = torch.rand(3, count)
        return CropFlipParams(top, left, flip < self.flip)

    def middle(self, count: int) -> CropFlipParams:
        """Crop in the middle and do not flip, as testing does."""
        half = torch.full((count,), 0.5)
        return CropFlipParams(half, half, torch.zeros(count, dtype=torch.bool))

    def __call__(self, streams: Tensor, geometry: CropFlipParams) -> Tensor:
        """Crop and flip.

        Args:
            streams: ``(B, ..., H, W)``, any type.
            geometry: Of the B clips.

        Returns:
            ``(B, ..., crop, crop)``, or ``(B, ..., H, W)`` without a crop.

        Raises:
            MERDataError: The crop is larger than the pictures.
        """
        height, width = streams.shape[-2:]
        if self.crop is None and not geometry.flip.any():
            return streams
        if self.crop is not None and self.crop > min(height, width):
            raise MERDataError(
                f'crop={self.crop} is larger than the {height} x {width} pixels of '
                'the clips; check Resize in the pipeline'
            )
        pixels = self._pixels(geometry, height, width).to(streams.device)
        count, *between = streams.shape[:-2]
        flat = streams.reshape(count, -1, height * width)
        index = pixels.flatten(1)[:, None].expand(-1, flat.shape[1], -1)
        return flat.gather(2, index).view(count, *between, *pixels.shape[1:])

    def _pixels(self, geometry: CropFlipParams, height: int, width: int) -> Tensor:
        """Number of the pixel that each pixel of the result is, ``(B, h, w)``."""
        rows = _places(geometry.top, height, self.crop or height)
        columns = _places(geometry.left, width, self.crop or width)
        columns = torch.where(geometry.flip[:, None], columns.flip(1), columns)
        return rows[:, :, None] * width + columns[:, None]


def _places(start: Tensor, size: int, crop: int) -> Tensor:
    """Pixels ``(B, crop)`` of a row of so many, each place of a crop alike likely."""
    room = size - crop
    first = (start * (room + 1)).long().clamp(max=room)
    return first[:, None] + torch.arange(crop)
