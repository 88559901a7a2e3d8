"""Random crops and flips of motion streams, batch-wise on the device.

Magnification and rank pooling are linear over time and commute with crops and flips:
both streams are computed once per clip and augmented afterwards with the same
parameters.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...utils.errors import MERDataError


@dataclass(frozen=True)
class CropFlipParams:
    """Parameters of the augmentation of B clips.

    Attributes:
        top: ``(B,)`` in [0, 1]: vertical position of the crop, 0 is topmost.
        left: ``(B,)`` in [0, 1]: horizontal position, 0 is leftmost.
        flip: ``(B,)`` bool: whether to mirror left to right.
    """

    top: Tensor
    left: Tensor
    flip: Tensor

    def __getitem__(self, clips: Tensor) -> 'CropFlipParams':
        """Select the parameters of some clips."""
        return CropFlipParams(self.top[clips], self.left[clips], self.flip[clips])


class Augmentation:
    """Square crops and horizontal flips.

    Args:
        crop: Side of the square crop in pixels, at random positions in training and
            centered otherwise. Defaults to None: no crop.
        flip: Probability of a flip in training. Defaults to 0.

    Raises:
        ValueError: ``flip`` is outside of [0, 1] or ``crop`` below 1.

    Example:
        >>> augmentation = Augmentation(crop=2)
        >>> image = torch.arange(16.0).view(1, 4, 4)
        >>> augmentation(image, augmentation.middle(1)).tolist()
        [[[5.0, 6.0], [9.0, 10.0]]]
    """

    def __init__(self, crop: int | None = None, flip: float = 0.0) -> None:
        if not 0 <= flip <= 1:
            raise ValueError(f'flip must be a probability in [0, 1], got {flip}')
        if crop is not None and crop < 1:
            raise ValueError(f'crop must be at least 1 pixel, got {crop}')
        self.crop = crop
        self.flip = flip

    def draw(self, count: int) -> CropFlipParams:
        """Draw the parameters of ``count`` clips from torch's CPU generator."""
        top, left, flip = torch.rand(3, count)
        return CropFlipParams(top, left, flip < self.flip)

    def middle(self, count: int) -> CropFlipParams:
        """Return parameters of a center crop without flip, as for testing."""
        half = torch.full((count,), 0.5)
        return CropFlipParams(half, half, torch.zeros(count, dtype=torch.bool))

    def __call__(self, streams: Tensor, geometry: CropFlipParams) -> Tensor:
        """Crop and flip the streams.

        Args:
            streams: ``(B, ..., H, W)``, any type.
            geometry: Parameters of the B clips.

        Returns:
            ``(B, ..., crop, crop)``, or ``(B, ..., H, W)`` without a crop.

        Raises:
            MERDataError: The crop is larger than the frames.
        """
        height, width = streams.shape[-2:]
        if self.crop is None and not geometry.flip.any():
            return streams
        if self.crop is not None and self.crop > min(height, width):
            raise MERDataError(
                f'crop={self.crop} is larger than the {height} x {width} pixels of '
                'the clips',
                field='augmentation.crop',
                hint='check Resize in the pipeline',
            )
        pixels = self._pixels(geometry, height, width).to(streams.device)
        count, *between = streams.shape[:-2]
        flat = streams.reshape(count, -1, height * width)
        index = pixels.flatten(1)[:, None].expand(-1, flat.shape[1], -1)
        return flat.gather(2, index).view(count, *between, *pixels.shape[1:])

    def _pixels(self, geometry: CropFlipParams, height: int, width: int) -> Tensor:
        """Return the source index of each output pixel, ``(B, h, w)``."""
        rows = _places(geometry.top, height, self.crop or height)
        columns = _places(geometry.left, width, self.crop or width)
        columns = torch.where(geometry.flip[:, None], columns.flip(1), columns)
        return rows[:, :, None] * width + columns[:, None]


def _places(start: Tensor, size: int, crop: int) -> Tensor:
    """Return pixel indices ``(B, crop)`` along an axis, uniform over positions."""
    room = size - crop
    first = (start * (room + 1)).long().clamp(max=room)
    return first[:, None] + torch.arange(crop)
