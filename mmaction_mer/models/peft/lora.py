"""Low-rank updates of a frozen ViT's attention (Hu et al. 2021), beyond the paper."""

from mmpretrain.models.peft.lora import LoRALinear
from torch import nn


def add_lora(vit: nn.Module, rank: int = 8, alpha: float = 16.0) -> None:
    """Add a low-rank update to the query-key-value projection of every layer.

    The layer is mmpretrain's ``LoRALinear``: ``W x + (alpha / rank) B A x`` with B
    initialized to zero. mmpretrain's wrapper ``LoRAModel`` is not used, because it
    selects parameters by name and drops hooks that were registered before.

    Args:
        vit: A frozen ViT; only ``A`` and ``B`` are trainable.
        rank: Rank of the update. Defaults to 8.
        alpha: Scale of the update, divided by the rank. Defaults to 16.

    Raises:
        ValueError: ``rank`` is below 1.
    """
    if rank < 1:
        raise ValueError(f'lora.rank must be at least 1, got {rank}')
    for layer in vit.layers:
        layer.attn.qkv = LoRALinear(layer.attn.qkv, alpha=alpha, rank=rank)
