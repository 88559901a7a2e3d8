"""What recognizers of micro-expressions share."""

from typing import Any, ClassVar

from mmaction.models import BaseRecognizer
from torch import Tensor

from ..utils.slim_checkpoint import enable_slim_loading


class MERRecognizer(BaseRecognizer):
    """A backbone over what its data preprocessor makes of clips, and a head.

    Args:
        backbone: Config of the backbone.
        cls_head: Config of a head over its features, e.g. mmaction's
            ``TimeSformerHead`` (a linear layer).
        data_preprocessor: Config of what makes the backbone's inputs;
            ``default_preprocessor`` if ``None``.
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
        # mmaction turns scores into numpy, which has no bfloat16.
        self.cls_head.register_forward_hook(lambda *given: given[-1].float())
        enable_slim_loading(self)

    def extract_feat(
        self, inputs: dict[str, Tensor], stage: str = 'backbone', **kwargs: Any
    ) -> tuple[Tensor, dict]:
        """Features ``(B, D)``, or with ``stage='head'`` the logits ``(B, C)``.

        Args:
            inputs: What the data preprocessor made.
            stage: ``'backbone'`` or ``'head'``.
            kwargs: mmaction's ``data_samples`` and ``test_mode``, not needed here.

        Returns:
            The features, and an empty dict of options for the head.
        """
        features = self.features(inputs)
        if stage == 'head':
            features = self.cls_head(features)
        return features, {}

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features ``(B, D)`` of the inputs."""
        raise NotImplementedError

    def dummy_inputs(self, image_size: int, length: int) -> dict[str, Tensor]:
        """Inputs of one clip of ``length`` frames, for counting and timing."""
        raise NotImplementedError
