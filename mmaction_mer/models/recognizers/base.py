"""Base class of the recognizers of micro-expressions."""

from typing import Any, ClassVar

from mmaction.models import BaseRecognizer
from torch import Tensor

from ..utils.slim_checkpoint import enable_slim_loading


class MERRecognizer(BaseRecognizer):
    """Recognizer of a data preprocessor, a backbone and a head.

    Args:
        backbone: Config of the backbone.
        cls_head: Config of a head over its features, e.g. mmaction's
            ``TimeSformerHead`` (a linear layer).
        data_preprocessor: Config of the data preprocessor that computes the inputs of
            the backbone. Defaults to None: ``default_preprocessor``.
        kwargs: As in mmaction's ``BaseRecognizer``.
    """

    default_preprocessor: ClassVar[str]

    def __init__(
        self,
        backbone: dict,
        cls_head: dict,
        data_preprocessor: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            backbone,
            cls_head,
            data_preprocessor=data_preprocessor or dict(type=self.default_preprocessor),
            **kwargs,
        )
        # mmaction converts scores to numpy, which has no bfloat16.
        self.cls_head.register_forward_hook(lambda *given: given[-1].float())
        enable_slim_loading(self)

    def extract_feat(
        self, inputs: dict[str, Tensor], stage: str = 'backbone', **kwargs: Any
    ) -> tuple[Tensor, dict]:
        """Compute features ``(B, D)``, or logits ``(B, C)`` with ``stage='head'``.

        Args:
            inputs: Output of the data preprocessor.
            stage: ``'backbone'`` or ``'head'``.
            kwargs: mmaction's ``data_samples`` and ``test_mode``, unused.

        Returns:
            The features, and an empty dict of options for the head.
        """
        features = self.features(inputs)
        if stage == 'head':
            features = self.cls_head(features)
        return features, {}

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Compute the features ``(B, D)`` of the inputs."""
        raise NotImplementedError

    def dummy_inputs(self, image_size: int, length: int) -> dict[str, Tensor]:
        """Return inputs of one clip of ``length`` frames, for counting and timing."""
        raise NotImplementedError
