"""MPT as an mmaction recognizer."""

from mmaction.models import BaseRecognizer
from mmaction.registry import MODELS
from torch import Tensor

from ..engine.slim_checkpoint import enable_slim_loading


@MODELS.register_module()
class MPTRecognizer(BaseRecognizer):
    """Micro-expression recognition by motion prompt tuning (MPT).

    Args:
        backbone: Config of an :class:`MPTViT`.
        cls_head: Config of a head over the class token, e.g. mmaction's
            ``TimeSformerHead`` (a linear layer; MPT, Eq. 17).
        data_preprocessor: Config of a :class:`MERDataPreprocessor`.
        kwargs: As in mmaction's ``BaseRecognizer``.
    """

    def __init__(
        self,
        backbone: dict,
        cls_head: dict,
        data_preprocessor: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            backbone,
            cls_head,
            data_preprocessor=data_preprocessor or dict(type='MERDataPreprocessor'),
            **kwargs,
        )
        enable_slim_loading(self)

    def extract_feat(
        self, inputs: dict[str, Tensor], stage: str = 'backbone', **kwargs
    ) -> tuple[Tensor, dict]:
        """Class token ``(B, D)``, or with ``stage='head'`` the logits ``(B, C)``.

        Args:
            inputs: ``image (B, 3, H, W)`` and ``motion (B, T, 3, H, W)``.
            stage: ``'backbone'`` or ``'head'``.
            kwargs: mmaction's ``data_samples`` and ``test_mode``, not needed here.

        Returns:
            The features, and an empty dict of options for the head.
        """
        features = self.backbone(inputs['image'], inputs.get('motion'))
        if stage == 'head':
            features = self.cls_head(features)
        return features, {}
