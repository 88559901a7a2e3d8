"""MPT as an mmaction recognizer."""

import numpy as np
import torch
from mmaction.registry import MODELS
from torch import Tensor

from .mer_recognizer import MERRecognizer


@MODELS.register_module()
class MPTRecognizer(MERRecognizer):
    """Micro-expression recognition by motion prompt tuning (MPT).

    Args:
        backbone: Config of an :class:`MPTViT`.
        cls_head: Config of a head over the class token, e.g. mmaction's
            ``TimeSformerHead`` (a linear layer; MPT, Eq. 17).
        data_preprocessor: Config of a :class:`MERDataPreprocessor`.
        kwargs: As in mmaction's ``BaseRecognizer``.
    """

    default_preprocessor = 'MERDataPreprocessor'

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Class token ``(B, D)``.

        Args:
            inputs: ``image (B, 3, H, W)`` and ``motion (B, T, 3, H, W)``.
        """
        return self.backbone(inputs['image'], inputs.get('motion'))

    def blank_inputs(self, image_size: int, length: int) -> dict[str, Tensor]:
        """Inputs of one clip of ``length`` frames, for counting and timing."""
        device = next(self.parameters()).device
        image = torch.zeros(1, 3, image_size, image_size, device=device)
        return dict(image=image, motion=image[:, None].repeat(1, length, 1, 1, 1))

    @torch.no_grad()
    def explain(self, data: dict) -> dict[str, np.ndarray | None] | None:
        """What the model is shown of the first clip of a batch, for figures.

        Args:
            data: A collated batch of :class:`PackMERInputs`.

        Returns:
            ``frames (T, H, W, 3)`` uint8, ``rank_image (H, W, 3)`` in grey levels,
            ``motion (T, H, W, 3)`` in grey levels times alpha and ``gaussians (K, T)``
            or ``None`` without motion prompts. ``None`` where the pipeline itself
            computed the streams and no frames are left to show.
        """
        clips = data['inputs'].get('clip')
        if clips is None:
            return None
        pre = self.data_preprocessor
        frames = pre.augmentation(clips[0][None], pre.augmentation.middle(1))[0]
        inputs = pre(data)['inputs']
        image = inputs['image'][0] * pre.std + pre.mean
        motion = inputs['motion'][:1]
        prompt = self.backbone.prompt
        weights = None
        if prompt is not None and prompt.needs_motion:
            weights = (
                prompt.gaussians(prompt.frame_features(motion))[2][0].cpu().numpy()
            )
        return dict(
            frames=frames.permute(0, 2, 3, 1).cpu().numpy(),
            rank_image=image.permute(1, 2, 0).cpu().numpy(),
            motion=(motion[0] * pre.motion_std).permute(0, 2, 3, 1).cpu().numpy(),
            gaussians=weights,
        )
