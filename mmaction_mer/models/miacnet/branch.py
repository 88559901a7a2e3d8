"""One branch of MIACNet: a backbone whose stages are merged into one map."""

from collections.abc import Sequence

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional


class Branch(BaseModule):
    """A convolutional backbone, its stages merged from the deepest up.

    Deep stages know what they look at, shallow ones where it is: each stage is brought
    to one width and added to the next finer one.

    Args:
        backbone: Config of a backbone whose output is a map per stage, such as
            ``dict(type='mmpretrain.ResNet', depth=18, out_indices=(0, 1, 2, 3))``.
        width: Channels D of the merged map.
        in_channels: Channels of the pictures, if not 3.
        init_cfg: As in mmengine.

    Example:
        >>> resnet = dict(
        ...     type='mmpretrain.ResNet', depth=18, stem_channels=8, base_channels=8,
        ...     out_indices=(0, 1, 2, 3))
        >>> Branch(resnet, width=16)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 16, 16, 16])
    """

    def __init__(
        self,
        backbone: dict,
        width: int,
        in_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build({**backbone, 'in_channels': in_channels})
        self.merge = nn.ModuleList(
            nn.Conv2d(channels, width, 1)
            for channels in self._channels(self.backbone, in_channels)
        )

    @staticmethod
    @torch.no_grad()
    def _channels(backbone: nn.Module, in_channels: int) -> Sequence[int]:
        training = backbone.training
        backbone.eval()
        maps = backbone(torch.zeros(1, in_channels, 64, 64))
        backbone.train(training)
        return [one.shape[1] for one in maps]

    def forward(self, pictures: Tensor) -> Tensor:
        """Merged map ``(B, D, h, w)`` of pictures ``(B, C, H, W)``.

        ``h`` and ``w`` are those of the backbone's first output.
        """
        maps = self.backbone(pictures)
        merged = self.merge[-1](maps[-1])
        for layer, finer in zip(
            reversed(self.merge[:-1]), reversed(maps[:-1]), strict=True
        ):
            size = finer.shape[-2:]
            merged = functional.interpolate(merged, size, mode='bilinear')
            merged = merged + layer(finer)
        return merged
