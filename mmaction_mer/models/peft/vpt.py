"""Visual prompt tuning: input-independent prompts (baseline of MPT, Table VII)."""

import math

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class VPTPrompt(BaseModule):
    """Learned prompts instead of motion prompts.

    Source: Jia et al. 2022, "Visual Prompt Tuning". *Shallow* prompts are added before
    the first layer; *deep* prompts replace those of the previous layer before every
    layer. Unlike in the source they follow the patches, as in MPT, so that the same
    adapters apply; without position embeddings the order does not matter.

    Args:
        embed_dims: Width D of the backbone's tokens.
        num_layers: Layers of the backbone.
        num_prompts: Prompts K per layer. Defaults to 50, with which the deep form has
            the 5.8 M parameters of MPT, Table VII.
        deep: Whether every layer has its own prompts. Defaults to False.
        patch_size: Patch size of the backbone in pixels, which sets the range of the
            initialization as in the source. Defaults to 16.
        init_cfg: Initialization config. Defaults to None.

    Example:
        >>> prompt = VPTPrompt(embed_dims=32, num_layers=4, num_prompts=5, deep=True)
        >>> prompt(torch.zeros(2, 3, 64, 64)).shape, prompt.before_layer(1).shape
        (torch.Size([2, 5, 32]), torch.Size([5, 32]))
    """

    #: The input is the image, of which only the batch size is used.
    needs_motion = False

    def __init__(
        self,
        embed_dims: int,
        num_layers: int,
        num_prompts: int = 50,
        deep: bool = False,
        patch_size: int = 16,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_prompts < 1:
            raise ValueError(f'num_prompts must be at least 1, got {num_prompts}')
        self.num_prompts = num_prompts
        self.deep = deep
        layers = num_layers if deep else 1
        self.prompts = nn.Parameter(torch.empty(layers, num_prompts, embed_dims))
        bound = math.sqrt(6 / (3 * patch_size**2 + embed_dims))
        nn.init.uniform_(self.prompts, -bound, bound)

    def forward(self, image: Tensor) -> Tensor:
        """Return prompts ``(B, K, D)`` of the first layer for images ``(B, ...)``."""
        return self.prompts[0].expand(image.shape[0], -1, -1)

    def before_layer(self, index: int) -> Tensor | None:
        """Return new prompts ``(K, D)`` before a later layer, or None."""
        return self.prompts[index] if self.deep and index else None
