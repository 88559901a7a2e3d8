"""MIACNet as an mmaction recognizer."""

from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor
from torch.nn import functional

from ..utils.heat_map import heat_map
from .base import MERRecognizer


@MODELS.register_module()
class MIACRecognizer(MERRecognizer):
    """Micro-expression recognition from onset, apex and offset by :class:`MIACNet`.

    Args:
        backbone: Config of a :class:`MIACNet`.
        cls_head: Config of a head over its features, e.g. mmaction's
            ``TimeSformerHead`` (a linear layer); its ``in_channels`` is the
            number of pairs times ``features`` times the places of the code's map.
        data_preprocessor: Config of a :class:`KeyFramePreprocessor`.
        kwargs: As in mmaction's ``BaseRecognizer``.

    Raises:
        ValueError: ``cls_head.in_channels`` is not the number of features, or the
            backbone has none.
    """

    default_preprocessor = 'KeyFramePreprocessor'

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pairs = len(self.data_preprocessor.frames) - 1
        width, given = pairs * self.backbone.out_features, self.cls_head.in_channels
        if given != width:
            raise ValueError(
                f'cls_head.in_channels is {given}, but {pairs} pair(s) of frames have '
                f'{width} features: set it to {width}'
            )

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Compute the features ``(B, D)`` of ``frames (B, F, 3, H, W)``."""
        return self.backbone(inputs['frames'])

    def dummy_inputs(self, image_size: int, length: int) -> dict[str, Tensor]:
        """Return inputs of one clip, for counting and timing; ``length`` is unused."""
        count = len(self.data_preprocessor.frames)
        device = next(self.parameters()).device
        return dict(
            frames=torch.zeros(1, count, 3, image_size, image_size, device=device)
        )

    @torch.no_grad()
    def saliency_maps(
        self,
        data: dict,
        target: Tensor | None = None,
        inputs: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Compute where the action branch finds motion, and what supports a class.

        Args:
            data: A collated batch of :class:`PackMERInputs`.
            target: Classes ``(B,)`` to explain. Defaults to the predicted ones.
            inputs: The batch after the data preprocessor; computed by default.

        Returns:
            ``frames (B, F, 3, H, W)`` in grey levels as the model sees them;
            ``saliency (B, H, W)`` from onset to apex, see :func:`heat_map`;
            ``attribution (B, H, W)``, 0 and up: the contribution of each location to
            the logit of the target less its mean contribution to the other logits.
            Logits are sums over locations, so that this is exact.
        """
        pre, net = self.data_preprocessor, self.backbone
        frames = (pre(data)['inputs'] if inputs is None else inputs)['frames']
        size = tuple(frames.shape[-2:])
        _, code = net.encode(frames[:, 0], frames[:, 1])
        features = net(frames)
        weight = self.cls_head.fc_cls.weight
        # The weight of a class less the mean weight of the other classes.
        weight = (weight - weight.mean(0)) * (len(weight) / (len(weight) - 1))
        if target is None:
            target = self.cls_head(features).argmax(1)
        added = (features * weight[target.to(weight.device)]).view(
            len(frames), -1, *code.shape[-2:]
        )
        attribution = added.sum(1, keepdim=True).clamp(min=0)
        attribution = functional.interpolate(attribution, size, mode='bilinear')[:, 0]
        return dict(
            frames=frames * pre.std + pre.mean,
            saliency=heat_map(code, size),
            attribution=attribution,
        )
