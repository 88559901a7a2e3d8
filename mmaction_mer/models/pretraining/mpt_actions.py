"""The bridge: MPT's prompts and adapters, pre-trained by making near-future frames."""

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
    """An :class:`MPTViT` in MIACNet's place in :class:`MA2MI`. Not part of the papers.

    The tuned ViT sees what it always sees, the rank-pooled image and the motion of 16
    frames from I_t to I_(t+delta), and its tokens after the last layer give the action
    code: each patch its part, the class token a share in all of them, so that the
    adapters of all three kinds of tokens learn. Position features are the patch tokens
    of I_t through the same ViT without prompts and adapters, which is frozen.

    Args:
        mpt: Config of the :class:`MPTViT`; what of it learns is what is pre-trained.
        width: Channels D of the position map.
        code_channels: Channels c of the action code; its map is that of the patches.
        init_cfg: As in mmengine.
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
        """Switch what learns; a frozen ViT stays in eval mode."""
        super().train(mode)
        self._mpt[0].train(mode)
        return self

    def init_weights(self) -> None:
        """Initialise what learns; the ViT keeps the weights it was built with."""
        self._mpt[0].init_weights()
        self._is_init = True

    def encode_inputs(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Position features ``(B, D, h, w)`` and action code ``(B, c, h, w)``.

        Args:
            inputs: ``image``, ``motion`` and ``frames``, see
                :class:`MPTPairPreprocessor`.
        """
        mpt = self._mpt[0]
        tokens = mpt.tokens(inputs['image'], inputs['motion'])
        patches = tokens[:, 1 : tokens.shape[1] - mpt.num_prompts] + tokens[:, :1]
        code = self.to_code(_as_map(self._normed(patches)))
        return self.positions(inputs['frames'][:, 0]), code

    def positions(self, picture: Tensor) -> Tensor:
        """Position features ``(B, D, h, w)`` of a frame ``(B, 3, H, W)``."""
        tokens = self._mpt[0].embed(picture)
        with torch.no_grad():
            for layer in self.vit.layers:
                tokens = layer(tokens)
        return self.to_position(_as_map(self._normed(tokens[:, 1:])))

    def _normed(self, tokens: Tensor) -> Tensor:
        return functional.layer_norm(tokens, tokens.shape[-1:])


def _as_map(patches: Tensor) -> Tensor:
    """Patch tokens ``(B, N, D)`` of a square picture as ``(B, D, h, w)``."""
    side = int(patches.shape[1] ** 0.5)
    return patches.transpose(1, 2).unflatten(2, (side, side))


@MODELS.register_module()
class MPTPairPreprocessor(MERDataPreprocessor):
    """Streams of MPT of a pair's clip, and its first and last frame beside them."""

    def streams(self, clips: Tensor, matrices: Tensor) -> Tensor:
        """As in the parent, with two frames more: ``(B, T + 3, 3, H, W)``."""
        ends = clips[:, [0, -1]].float()
        return torch.cat([super().streams(clips, matrices), ends], dim=1)

    def inputs(self, streams: Tensor, geometry: CropFlipParams) -> dict[str, Tensor]:
        """As in the parent, and ``frames (B, 2, 3, h, w)``, normalised."""
        streams = self.augmentation(streams, geometry)
        pictures = (streams[:, -3:] - self.mean) / self.std
        return dict(
            image=pictures[:, 0], motion=streams[:, :-3], frames=pictures[:, 1:]
        )
