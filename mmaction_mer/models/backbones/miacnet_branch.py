"""One branch of MIACNet: a backbone whose stages are merged into one map."""

from collections.abc import Sequence

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..utils.pretrained import load_init_cfg


class Branch(BaseModule):
    """Convolutional backbone whose stages are merged from coarse to fine.

    Each stage is projected to the same width and added to the next finer one, as in a
    feature pyramid network.

    Args:
        backbone: Config of a backbone whose output is a map per stage, such as
            ``dict(type='mmpretrain.ResNet', depth=18, out_indices=(0, 1, 2, 3))``. Its
            ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone')``
            loads weights for images of 3 channels, such as ImageNet's.
        width: Channels D of the merged map.
        in_channels: Channels of the input, 3 or a multiple: pre-trained filters are
            repeated. Defaults to 3.
        init_cfg: Initialization config. Defaults to None.

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
        backbone = dict(backbone)
        self._pretrained = backbone.pop('init_cfg', None)
        self._config = backbone
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

    def init_weights(self) -> None:
        """Initialize, then load the pre-trained backbone."""
        super().init_weights()
        if self._pretrained is None:
            return
        plain = MODELS.build(dict(self._config))
        load_init_cfg(plain, self._pretrained)
        state = plain.state_dict()
        for name, own in self.backbone.state_dict().items():
            if own.shape != state[name].shape:
                times = own.shape[1] // state[name].shape[1]
                state[name] = state[name].repeat(1, times, 1, 1)
        self.backbone.load_state_dict(state)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the merged map ``(B, D, h, w)`` of images ``(B, C, H, W)``.

        ``h`` and ``w`` are those of the backbone's first output.
        """
        maps = self.backbone(images)
        merged = self.merge[-1](maps[-1])
        for layer, finer in zip(
            reversed(self.merge[:-1]), reversed(maps[:-1]), strict=True
        ):
            size = finer.shape[-2:]
            merged = functional.interpolate(merged, size, mode='bilinear')
            merged = merged + layer(finer)
        return merged
