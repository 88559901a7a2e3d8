"""Decoder of a future frame from a frame, its position features and an action code."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional


class ActionDecoder(BaseModule):
    """Predict displacement and color change from position features and an action code.

    Each channel of the code scales a basis that is computed from the position features:
    two channels of displacement and three of color per location. The sum over the
    channels of the code warps and tints the frame (illumination, teeth, lids). A zero
    code returns the frame itself, so that every change is encoded in the code.

    Args:
        width: Channels D of the position map.
        code_channels: Channels of the code.
        hidden: Channels of the hidden layer. Defaults to 64.
        init_cfg: Initialization config. Defaults to None.
    """

    def __init__(
        self,
        width: int,
        code_channels: int,
        hidden: int = 64,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.code_channels = code_channels
        self.basis = nn.Sequential(
            nn.Conv2d(width, hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(hidden, 5 * code_channels, 1),
        )
        # Starts as the identity.
        nn.init.zeros_(self.basis[-1].weight)
        nn.init.zeros_(self.basis[-1].bias)

    def forward(self, positions: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Compute displacement and tint.

        Args:
            positions: ``(B, D, h, w)``.
            code: ``(B, c, g, g)``.

        Returns:
            ``(B, 2, h, w)`` in pixels of the map, x and y, and ``(B, 3, h, w)``.
        """
        size = positions.shape[-2:]
        basis = self.basis(positions).unflatten(1, (5, self.code_channels))
        amount = functional.interpolate(code, size, mode='bilinear')
        made = (basis * amount[:, None]).sum(2)
        return made[:, :2], made[:, 2:]


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Warp images by a flow field: an output pixel samples its position minus the flow.

    Args:
        images: ``(B, C, H, W)``.
        flow: ``(B, 2, H, W)``, x and y in pixels.

    Returns:
        ``(B, C, H, W)``.

    Example:
        >>> image = torch.arange(4.0).view(1, 1, 1, 4).repeat(1, 1, 4, 1)
        >>> flow = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).repeat(1, 1, 4, 4)
        >>> warp(image, flow)[0, 0, 0]
        tensor([0., 0., 1., 2.])
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    x = (columns - flow[:, 0] + 0.5) * (2 / width) - 1
    y = (rows[:, None] - flow[:, 1] + 0.5) * (2 / height) - 1
    return functional.grid_sample(
        images,
        torch.stack([x, y], -1),
        padding_mode='border',
        align_corners=False,
    )
