"""MPT as an mmaction recognizer."""

import numpy as np
import torch
from mmaction.registry import MODELS
from torch import Tensor
from torch.nn import functional

from ..utils.explain import (
    attention_rollout,
    grad_cam,
    integrated_gradients,
    logit_margin,
    over_image,
    record_activations,
)
from .base import MERRecognizer


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
        """Compute the class token ``(B, D)``.

        Args:
            inputs: ``image (B, 3, H, W)`` and ``motion (B, T, 3, H, W)``.
        """
        return self.backbone(inputs['image'], inputs.get('motion'))

    def dummy_inputs(self, image_size: int, length: int) -> dict[str, Tensor]:
        """Return inputs of one clip of ``length`` frames, for counting and timing."""
        device = next(self.parameters()).device
        image = torch.zeros(1, 3, image_size, image_size, device=device)
        return dict(image=image, motion=image[:, None].repeat(1, length, 1, 1, 1))

    @torch.no_grad()
    def explain(
        self, data: dict, inputs: dict[str, Tensor] | None = None
    ) -> dict[str, np.ndarray | None] | None:
        """Return the inputs of the first clip of a batch, for figures.

        Args:
            data: A collated batch of :class:`PackMERInputs`.
            inputs: The batch after the data preprocessor; computed by default.

        Returns:
            ``frames (T, H, W, 3)`` uint8, ``rank_image (H, W, 3)`` in grey levels,
            ``motion (T, H, W, 3)`` in grey levels times alpha and ``gaussians (K, T)``
            or ``None`` without motion prompts. ``None`` if the pipeline computed
            the streams, so that no frames are left to show.
        """
        clips = data['inputs'].get('clip')
        if clips is None:
            return None
        pre = self.data_preprocessor
        frames = pre.augmentation(clips[0][None], pre.augmentation.middle(1))[0]
        inputs = pre(data)['inputs'] if inputs is None else inputs
        image = inputs['image'][0] * pre.std + pre.mean
        motion = inputs['motion'][:1]
        prompt = self.backbone.prompt
        weights = None
        if hasattr(prompt, 'gaussians'):  # other prompts have none
            weights = (
                prompt.gaussians(prompt.frame_features(motion))[2][0].cpu().numpy()
            )
        return dict(
            frames=frames.permute(0, 2, 3, 1).cpu().numpy(),
            rank_image=image.permute(1, 2, 0).cpu().numpy(),
            motion=(motion[0] * pre.motion_std).permute(0, 2, 3, 1).cpu().numpy(),
            gaussians=weights,
        )

    def saliency_maps(
        self,
        data: dict,
        target: Tensor | None = None,
        inputs: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Compute where the class token attends, and what contributes to a class.

        Grad-CAM is computed on the tokens that enter the last layer, because the head
        reads only the class token of what leaves it. On SynthME it points at the
        movement in one clip of four, whichever layer it is taken from. Integrated
        gradients of the patches do so in every second clip, also for unseen subjects,
        and they sum to a known value. ``docs/figures.md`` has the numbers.

        Args:
            data: A collated batch of :class:`PackMERInputs`.
            target: Classes ``(B,)`` to explain. Defaults to the predicted ones.
            inputs: The batch after the data preprocessor; computed by default.

        Returns:
            ``frames (B, T, 3, H, W)`` in grey levels, after the crop, as the model
            sees them; the rank-pooled images, T = 1, if the pipeline computed the
            streams. ``(B, H, W)``, 0 and up, on the grid of the patches: ``saliency``,
            attention roll-out from the class token; ``attribution``, integrated
            gradients of the target's logit margin over both streams of a patch, with
            a clip without motion as the baseline; ``grad_cam`` of the target's logit.
        """
        net, pre = self.backbone, self.data_preprocessor
        # The caller may have disabled gradients.
        with torch.inference_mode(False), torch.enable_grad():
            inputs = pre(data)['inputs'] if inputs is None else inputs
            layer = len(net.vit.layers) - 1
            with record_activations(net.vit, layer) as trace:
                logits = self.cls_head(self.features(inputs))
            target = logits.argmax(1) if target is None else target.to(logits.device)
            chosen = logits.gather(1, target[:, None]).sum()
            (gradient,) = torch.autograd.grad(chosen, trace.tokens[layer])
            added = integrated_gradients(
                lambda given: logit_margin(self.cls_head(self.features(given)), target),
                inputs,
                _without_motion(inputs),
            )
        grid, image = trace.grid[0], inputs['image']
        patches = slice(1, 1 + grid[0] * grid[1])
        attribution = added['image'].sum(1) + added['motion'].sum((1, 2))
        maps = dict(
            saliency=attention_rollout(trace.attention)[:, 0, patches],
            attribution=functional.adaptive_avg_pool2d(attribution, grid).clamp(min=0),
            grad_cam=grad_cam(
                trace.tokens[layer].detach()[:, patches], gradient[:, patches]
            ),
        )
        size = tuple(image.shape[-2:])
        laid = {name: over_image(one, grid, size) for name, one in maps.items()}
        return dict(frames=self._shown(data, image.detach()), **laid)

    def _shown(self, data: dict, image: Tensor) -> Tensor:
        """Return the center-cropped frames of clips, or their rank-pooled images."""
        pre, clips = self.data_preprocessor, data['inputs'].get('clip')
        if clips is None:
            return (image * pre.std + pre.mean)[:, None]
        clips = torch.stack(list(clips)).to(image.device)
        return pre.augmentation(clips, pre.augmentation.middle(len(clips))).float()


def _without_motion(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a baseline without motion, whose image is constant at its median."""
    image, motion = inputs['image'], inputs['motion']
    usual = image.flatten(2).median(-1).values[..., None, None]
    return dict(image=usual.expand_as(image), motion=torch.zeros_like(motion))
