"""Visual prompt tuning: prompts that no clip has a say in (MPT, table VII)."""

import math

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class VPTPrompt(BaseModule):
    """Learned prompts in the place of motion prompts.

    Source: Jia et al. 2022, "Visual Prompt Tuning". *Shallow* prompts enter before the
    first layer; *deep* ones enter before every layer, in place of what the layer before
    made of the last ones. Ours is that they follow the patches, as MPT's do, so that
    the same adapters fit; without position embeddings, attention knows no order.

    Args:
        embed_dims: Width D of the backbone's tokens.
        num_layers: Layers of the backbone.
        num_prompts: Prompts K of a layer. With the 50 of their experiments the deep
            form has the 5.8 M parameters of MPT's table VII.
        deep: New prompts before every layer.
        patch_size: Side of the backbone's patches in pixels; decides the range that
            prompts are drawn from, as theirs do.
        init_cfg: As in mmengine.

    Example:
        >>> prompt = VPTPrompt(embed_dims=32, num_layers=4, num_prompts=5, deep=True)
        >>> prompt(torch.zeros(2, 3, 64, 64)).shape, prompt.before_layer(1).shape
        (torch.Size([2, 5, 32]), torch.Size([5, 32]))
    """

    #: What the recognizer hands over: the image, of which only the number matters.
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
        """Prompts ``(B, K, D)`` before the first layer, for images ``(B, ...)``."""
        return self.prompts[0].expand(image.shape[0], -1, -1)

    def before_layer(self, index: int) -> Tensor | None:
        """Prompts ``(K, D)`` that enter before a later layer; None where none do."""
        return self.prompts[index] if self.deep and index else None
