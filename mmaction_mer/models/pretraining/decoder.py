"""The future frame from a frame, its position features and an action code."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional


class ActionDecoder(BaseModule):
    """Move a frame as an action code says, where its position features allow.

    Every entry of the code is an amount; the position features say what such an amount
    does at each place: two numbers of displacement and three of colour. The sum over
    the code's channels moves the frame and tints it (light, teeth, lids). So an empty
    code gives the frame itself, and all that changes has passed through the code.

    Args:
        width: Channels D of the position map.
        code_channels: Channels of the code.
        hidden: Channels between.
        init_cfg: As in mmengine.
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
        # It starts as a copy of the frame: what there is to learn is what changes.
        nn.init.zeros_(self.basis[-1].weight)
        nn.init.zeros_(self.basis[-1].bias)

    def forward(self, positions: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Displacement and tint.

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


def warp(pictures: Tensor, flow: Tensor) -> Tensor:
    """Move pictures by a field: what is seen at a place comes from it minus the field.

    Args:
        pictures: ``(B, C, H, W)``.
        flow: ``(B, 2, H, W)``, x and y in pixels.

    Returns:
        ``(B, C, H, W)``.

    Example:
        >>> picture = torch.arange(4.0).view(1, 1, 1, 4).repeat(1, 1, 4, 1)
        >>> flow = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).repeat(1, 1, 4, 4)
        >>> warp(picture, flow)[0, 0, 0]
        tensor([0., 0., 1., 2.])
    """
    height, width = pictures.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    x = (columns - flow[:, 0] + 0.5) * (2 / width) - 1
    y = (rows[:, None] - flow[:, 1] + 0.5) * (2 / height) - 1
    return functional.grid_sample(
        pictures,
        torch.stack([x, y], -1),
        padding_mode='border',
        align_corners=False,
    )
