"""Pre-training of MPT's prompts and adapters by MA2MI (not part of the papers)."""

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..data_preprocessors.augmentation import CropFlipParams
from ..data_preprocessors.mer import MERDataPreprocessor
from ..utils.slim_checkpoint import enable_slim_loading


@MODELS.register_module()
class MPTActions(BaseModule):
    """An :class:`MPTViT` as the backbone of :class:`MA2MI`.

    The ViT has its usual inputs, the rank-pooled image and the motion of 16 frames from
    I_t to I_(t+delta). The action code is computed from its patch tokens plus the class
    token, so that the adapters of all kinds of tokens are trained. Position features
    are the patch tokens of I_t through the same frozen ViT without prompts and
    adapters.

    Args:
        mpt: Config of the :class:`MPTViT`; its trainable parts are pre-trained.
        width: Channels D of the position map. Defaults to 64.
        code_channels: Channels c of the action code, a map over patches. Defaults
            to 8.
        init_cfg: Initialization config. Defaults to None.
    """

    def __init__(
        self,
        mpt: dict,
        width: int = 64,
        code_channels: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.width, self.code_channels = width, code_channels
        built = MODELS.build(mpt)
        # Named as in MPTViT, so that a checkpoint's 'backbone.prompt' fits both.
        self.prompt, self.adapters = built.prompt, built.adapters
        self._mpt = [built]
        self.vit = built.vit
        tokens = built.vit.embed_dims
        self.to_position = nn.Conv2d(tokens, width, 1)
        self.to_code = nn.Conv2d(tokens, code_channels, 1)
        enable_slim_loading(self)

    def train(self, mode: bool = True) -> 'MPTActions':
        """Set the mode of the trainable parts; a frozen ViT stays in eval mode."""
        super().train(mode)
        self._mpt[0].train(mode)
        return self

    def init_weights(self) -> None:
        """Initialize the trainable parts; the ViT keeps its weights."""
        self._mpt[0].init_weights()
        self._is_init = True

    def encode_inputs(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Compute position features ``(B, D, h, w)`` and action codes ``(B, c, h, w)``.

        Args:
            inputs: ``image``, ``motion`` and ``frames``, see
                :class:`MPTPairPreprocessor`.
        """
        mpt = self._mpt[0]
        tokens = mpt.tokens(inputs['image'], inputs['motion'])
        patches = tokens[:, 1 : tokens.shape[1] - mpt.num_prompts] + tokens[:, :1]
        code = self.to_code(_as_map(self._normed(patches)))
        return self.positions(inputs['frames'][:, 0]), code

    def positions(self, frame: Tensor) -> Tensor:
        """Compute position features ``(B, D, h, w)`` of a frame ``(B, 3, H, W)``."""
        tokens = self._mpt[0].embed(frame)
        with torch.no_grad():
            for layer in self.vit.layers:
                tokens = layer(tokens)
        return self.to_position(_as_map(self._normed(tokens[:, 1:])))

    def _normed(self, tokens: Tensor) -> Tensor:
        return functional.layer_norm(tokens, tokens.shape[-1:])


def _as_map(patches: Tensor) -> Tensor:
    """Reshape patch tokens ``(B, N, D)`` of a square image to ``(B, D, h, w)``."""
    side = int(patches.shape[1] ** 0.5)
    return patches.transpose(1, 2).unflatten(2, (side, side))


@MODELS.register_module()
class MPTPairPreprocessor(MERDataPreprocessor):
    """Compute the streams of MPT for a clip, and its first and last frame."""

    def streams(self, clips: Tensor, matrices: Tensor) -> Tensor:
        """Append the first and last frame: ``(B, T + 3, 3, H, W)``."""
        ends = clips[:, [0, -1]].float()
        return torch.cat([super().streams(clips, matrices), ends], dim=1)

    def inputs(self, streams: Tensor, geometry: CropFlipParams) -> dict[str, Tensor]:
        """Add the normalized ``frames (B, 2, 3, h, w)``."""
        streams = self.augmentation(streams, geometry)
        images = (streams[:, -3:] - self.mean) / self.std
        return dict(image=images[:, 0], motion=streams[:, :-3], frames=images[:, 1:])
