"""A frozen mmpretrain ViT with prompts and adapters (MPT, Fig. 2)."""

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from mmpretrain.models import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from ...utils.quiet import quiet
from ..peft.lora import add_lora
from ..utils.pretrained import load_init_cfg
from ..utils.slim_checkpoint import frozen_tensors


@MODELS.register_module()
class MPTViT(BaseModule):
    """Vision Transformer with trainable prompts and adapters.

    Tokens are ``[class | patches | K prompts]`` (MPT, Eq. 3); class and patches have
    the position embedding of the ViT, prompts have none. An adapter follows the
    feed-forward residual of every layer. The ViT is frozen: no gradients, always in
    eval mode.

    Args:
        vit: Config of an ``mmpretrain.VisionTransformer`` with a class token. Its
            ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)`` is loaded
            when the model is built, so that a test never uses random weights.
        prompt: Config of the prompt generator, e.g. ``dict(type='MotionPrompt')``;
            ``None`` for a model without a motion sequence.
        adapter: Config of the adapter of a layer, e.g. ``dict(type='GroupAdapter')``;
            ``None`` for none.
        adapter_start_layer: First layer with an adapter, counted from 0. Defaults to 0.
        lora: Settings of :func:`~mmaction_mer.models.peft.lora.add_lora`, such as
            ``dict(rank=8)``; ``None`` for none.
        freeze_vit: Whether the ViT is frozen. ``False`` is full fine-tuning, or
            training from scratch without ``init_cfg`` in ``vit``. Defaults to True.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix='backbone')`` for
            pre-trained prompts and adapters (:class:`MPTActions`).

    Raises:
        TypeError: ``vit`` is not an mmpretrain ViT or has no class token.
        ValueError: No layer has an adapter, or ``lora`` is given with a trainable ViT.

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
        adapter_start_layer: int = 0,
        lora: dict | None = None,
        freeze_vit: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.vit = self._pretrained_vit(dict(vit))
        self.freeze_vit = freeze_vit
        if freeze_vit:
            self.vit.requires_grad_(False).eval()
        if lora is not None:
            if not freeze_vit:
                raise ValueError('lora is for a frozen ViT: set freeze_vit=True')
            add_lora(self.vit, **lora)
        width, layers = self.vit.embed_dims, len(self.vit.layers)
        self.prompt = None
        if prompt is not None:
            cfg = dict(embed_dims=width, num_layers=layers, **prompt)
            self.prompt = MODELS.build(cfg)
        self.num_prompts = self.prompt.num_prompts if self.prompt is not None else 0
        self.adapter_start_layer = adapter_start_layer
        self.adapters = None
        if adapter is not None:
            if not 0 <= adapter_start_layer < layers:
                raise ValueError(
                    f'adapter_start_layer must be below {layers}, got '
                    f'{adapter_start_layer}; set adapter=None for no adapters'
                )
            cfg = dict(embed_dims=width, num_prompts=self.num_prompts, **adapter)
            self.adapters = nn.ModuleList(
                MODELS.build(cfg) for _ in range(layers - adapter_start_layer)
            )

    @staticmethod
    def _pretrained_vit(cfg: dict) -> VisionTransformer:
        init_cfg = cfg.pop('init_cfg', None)
        vit = MODELS.build(cfg)
        # Its subclasses (ViTEVA02, DeiT3) give their layers other tokens.
        if type(vit) is not VisionTransformer or vit.num_extra_tokens != 1:
            raise TypeError(
                'MPTViT wraps an mmpretrain VisionTransformer itself, with one class '
                f"token; got {cfg.get('type')!r}. Write the prefix: 'mmpretrain."
                "VisionTransformer' (mmaction has another class of that name); "
                'docs/backbones.md says what other families would need'
            )
        # mmengine's Runner.test() never initializes weights, so it is done here.
        if vit.pos_embed.is_meta:
            pass  # only shapes are needed: there are no values to set
        elif init_cfg is None:
            with quiet():  # mmengine would print every tensor of the ViT
                vit.init_weights()
        else:
            load_init_cfg(vit, init_cfg)
        vit._is_init = True
        return vit

    def init_weights(self) -> None:
        """Initialize the trainable parts; the ViT keeps its weights."""
        for module in (self.prompt, *(self.adapters or ())):
            if module is not None:
                module.init_weights()
        if self.init_cfg:
            frozen = frozen_tensors(self)
            learned = [name for name in self.state_dict() if name not in frozen]
            if not learned:
                raise ValueError(
                    'init_cfg is for trainable parts, but everything is frozen'
                )
            load_init_cfg(self, self.init_cfg, learned)
        self._is_init = True

    def train(self, mode: bool = True) -> 'MPTViT':
        """Set the mode of the trainable parts; a frozen ViT stays in eval mode."""
        super().train(mode)
        if self.freeze_vit:
            self.vit.eval()
        return self

    def embed(self, image: Tensor) -> Tensor:
        """Compute class and patch tokens before the first layer (MPT, Eq. 2).

        Args:
            image: ``(B, 3, H, W)``.

        Returns:
            ``(B, 1 + N, D)``.
        """
        vit = self.vit
        patches, resolution = vit.patch_embed(image)
        tokens = torch.cat(
            [vit.cls_token.expand(image.shape[0], -1, -1), patches], dim=1
        )
        tokens = tokens + resize_pos_embed(
            vit.pos_embed,
            vit.patch_resolution,
            resolution,
            mode=vit.interpolate_mode,
            num_extra_tokens=vit.num_extra_tokens,
        )
        return vit.pre_norm(vit.drop_after_pos(tokens))

    def forward(self, image: Tensor, motion: Tensor | None = None) -> Tensor:
        """Compute the class token of a batch of clips.

        Args:
            image: Rank-pooled images ``(B, 3, H, W)``, normalized for the ViT.
            motion: Magnified motion ``(B, T, 3, H, W)``; unused without prompts.

        Returns:
            ``(B, D)`` after the final norm.
        """
        cls_token = self.tokens(image, motion)[:, 0]
        return self.vit.ln1(cls_token) if self.vit.final_norm else cls_token

    def tokens(self, image: Tensor, motion: Tensor | None = None) -> Tensor:
        """Compute all tokens after the last layer, before the final norm.

        Args:
            image: As in :meth:`forward`.
            motion: As in :meth:`forward`.

        Returns:
            ``(B, 1 + N + K, D)``: class, patches, prompts.
        """
        tokens = self.embed(image)
        if self.prompt is not None:
            if self.prompt.needs_motion and motion is None:
                raise ValueError('this model has motion prompts and needs motion')
            source = motion if self.prompt.needs_motion else image
            tokens = torch.cat([tokens, self.prompt(source)], dim=1)
        for index, layer in enumerate(self.vit.layers):
            tokens = layer(self._with_new_prompts(tokens, index))
            if self.adapters is not None and index >= self.adapter_start_layer:
                tokens = self.adapters[index - self.adapter_start_layer](tokens)
        return tokens

    def _with_new_prompts(self, tokens: Tensor, index: int) -> Tensor:
        """Replace the prompts if a layer has its own."""
        new = self.prompt.before_layer(index) if self.prompt is not None else None
        if new is None:
            return tokens
        kept = tokens[:, : -self.num_prompts]
        return torch.cat([kept, new.expand(tokens.shape[0], -1, -1)], dim=1)
