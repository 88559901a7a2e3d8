"""Low-rank updates of a frozen ViT's attention (Hu et al. 2021), beyond the paper."""

from mmpretrain.models.peft.lora import LoRALinear
from torch import nn


def add_lora(vit: nn.Module, rank: int = 8, alpha: float = 16.0) -> None:
    """Put a low-rank update beside the query-key-value product of every layer.

    The layer itself is mmpretrain's ``LoRALinear``: ``W x + (alpha / rank) B A x``, B
    zero at the start, so that the network starts as the pre-trained one. Its wrapper of
    whole models, ``LoRAModel``, is not used: it saves by name and loses what is
    registered before it.

    Args:
        vit: A frozen ViT; of what is added, ``A`` and ``B`` learn.
        rank: Rank of the update.
        alpha: Gain of the update, over the rank.

    Raises:
        ValueError: The rank is below 1.
    """
    if rank < 1:
        raise ValueError(f'lora.rank must be at least 1, got {rank}')
    for layer in vit.layers:
        layer.attn.qkv = LoRALinear(layer.attn.qkv, alpha=alpha, rank=rank)
