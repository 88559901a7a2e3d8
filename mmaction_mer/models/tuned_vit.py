"""A frozen mmpretrain ViT with motion prompts and adapters (MPT, Fig. 2)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from mmpretrain.models import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from .pretrained import load_pretrained


@MODELS.register_module()
class MPTViT(BaseModule):
    """A Vision Transformer of which only prompts and adapters learn.

    Tokens are ``[class | patches | K prompts]`` (MPT, Eq. 3); class and patches carry
    the ViT's position embedding, prompts none. An adapter follows every layer's
    feed-forward residual. The ViT is frozen: no gradients, always in eval mode.

    Args:
        vit: Config of an ``mmpretrain.VisionTransformer`` with a class token. Its
            ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)`` is read
            when the model is built, so that testing never meets random weights.
        prompt: Config of the prompt generator, e.g. ``dict(type='MotionPrompt')``;
            ``None`` for a model that sees no motion sequence.
        adapter: Config of the adapter of a layer, e.g. ``dict(type='GroupAdapter')``;
            ``None`` for none.
        init_cfg: As in mmengine, for what learns.

    Raises:
        TypeError: ``vit`` is no mmpretrain ViT or has no class token.

    Example:
        >>> tiny = dict(
        ...     embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
        >>> model = MPTViT(
        ...     vit=dict(type='mmpretrain.VisionTransformer', arch=tiny, img_size=64),
        ...     prompt=dict(type='MotionPrompt', num_prompts=3),
        ...     adapter=dict(type='GroupAdapter', reduction=8))
        >>> model(torch.zeros(2, 3, 64, 64), torch.zeros(2, 16, 3, 64, 64)).shape
        torch.Size([2, 32])
    """

    def __init__(
        self,
        vit: dict,
        prompt: dict | None = None,
        adapter: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.vit = self._frozen_vit(dict(vit))
        width = self.vit.embed_dims
        self.prompt = MODELS.build(dict(embed_dims=width, **prompt)) if prompt else None
        self.num_prompts = self.prompt.num_prompts if self.prompt is not None else 0
        self.adapters = None
        if adapter is not None:
            cfg = dict(embed_dims=width, num_prompts=self.num_prompts, **adapter)
            self.adapters = nn.ModuleList(MODELS.build(cfg) for _ in self.vit.layers)

    @staticmethod
    def _frozen_vit(cfg: dict) -> VisionTransformer:
        init_cfg = cfg.pop('init_cfg', None)
        vit = MODELS.build(cfg)
        if not isinstance(vit, VisionTransformer) or vit.num_extra_tokens != 1:
            raise TypeError(
                'MPTViT wraps an mmpretrain VisionTransformer with one class token; '
                f"got {cfg.get('type')!r}. Write the prefix: 'mmpretrain."
                "VisionTransformer' (mmaction has another class of that name)"
            )
        # mmengine's Runner.test() never initialises weights: it is done here.
        if init_cfg is None:
            with _quiet():  # mmengine would print every tensor of the ViT
                vit.init_weights()
        else:
            load_pretrained(vit, **{k: v for k, v in init_cfg.items() if k != 'type'})
        vit._is_init = True
        vit.eval()
        return vit.requires_grad_(False)

    def init_weights(self) -> None:
        """Initialise what learns; the ViT keeps the weights it was built with."""
        for module in (self.prompt, *(self.adapters or ())):
            if module is not None:
                module.init_weights()
        self._is_init = True

    def train(self, mode: bool = True) -> 'MPTViT':
        """Switch what learns; the frozen ViT stays in eval mode."""
        super().train(mode)
        self.vit.eval()
        return self

    def embed(self, image: Tensor) -> Tensor:
        """Class and patch tokens before the first layer (MPT, Eq. 2).

        Args:
            image: ``(B, 3, H, W)``.

        Returns:
            ``(B, 1 + N, D)``.
        """
        vit = self.vit
        patches, resolution = vit.patch_embed(image)
        tokens = torch.cat([vit.cls_token.expand(len(image), -1, -1), patches], dim=1)
        tokens = tokens + resize_pos_embed(
            vit.pos_embed,
            vit.patch_resolution,
            resolution,
            mode=vit.interpolate_mode,
            num_extra_tokens=vit.num_extra_tokens,
        )
        return vit.pre_norm(vit.drop_after_pos(tokens))

    def forward(self, image: Tensor, motion: Tensor | None = None) -> Tensor:
        """Class token of a batch of clips.

        Args:
            image: Rank-pooled images ``(B, 3, H, W)``, normalised for the ViT.
            motion: Magnified motion ``(B, T, 3, H, W)``; not needed without prompts.

        Returns:
            ``(B, D)`` after the final norm.
        """
        tokens = self.embed(image)
        if self.prompt is not None:
            if motion is None:
                raise ValueError('this model has motion prompts and needs motion')
            tokens = torch.cat([tokens, self.prompt(motion)], dim=1)
        for index, layer in enumerate(self.vit.layers):
            tokens = layer(tokens)
            if self.adapters is not None:
                tokens = self.adapters[index](tokens)
        cls_token = tokens[:, 0]
        return self.vit.ln1(cls_token) if self.vit.final_norm else cls_token


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
