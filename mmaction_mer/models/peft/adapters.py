"""Adapters that follow a frozen transformer layer (MPT, III-C)."""

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional


class Bottleneck(nn.Module):
    """Bias-free bottleneck ``U GELU(D x)``; U starts at zero, so that its output does.

    Args:
        embed_dims: Width D of the tokens.
        hidden_dims: Width of the bottleneck.
    """

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.down = nn.Linear(embed_dims, hidden_dims, bias=False)
        self.up = nn.Linear(hidden_dims, embed_dims, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., D)`` to ``(..., D)``."""
        return self.up(functional.gelu(self.down(x)))


@MODELS.register_module()
class GroupAdapter(BaseModule):
    """Adapter with one bottleneck per kind of token (MPT, Eq. 14-16).

    With ``c``, ``v_i`` and ``m_j`` the class, patch and prompt tokens and bars for
    means over the tokens of a kind::

        c'   = c   + U_c GELU(D_c (c   + mean(v) + mean(m)))
        v_i' = v_i + U_v GELU(D_v (v_i + c       + mean(m)))
        m_j' = m_j + U_m GELU(D_m (m_j + c       + mean(v)))

    The parameter counts of the paper imply bias-free bottlenecks with ``D / reduction``
    hidden units.

    Args:
        embed_dims: Width D of the tokens.
        reduction: D over the width of the bottleneck. Defaults to 8, as in the paper.
        num_prompts: Prompts K at the end of the sequence; 0 omits their branch.
            Defaults to 0.
        share_means: Whether to add the means of the other kinds. Defaults to True.
        init_cfg: Initialization config. Defaults to None.

    Example:
        >>> adapter = GroupAdapter(32, reduction=8, num_prompts=5)
        >>> tokens = torch.randn(2, 1 + 9 + 5, 32)
        >>> bool(torch.equal(adapter(tokens), tokens))
        True
    """

    def __init__(
        self,
        embed_dims: int,
        reduction: int = 8,
        num_prompts: int = 0,
        share_means: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        hidden = _hidden_dims(embed_dims, reduction)
        self.num_prompts = num_prompts
        self.share_means = share_means
        self.class_branch = Bottleneck(embed_dims, hidden)
        self.visual_branch = Bottleneck(embed_dims, hidden)
        self.motion_branch = Bottleneck(embed_dims, hidden) if num_prompts else None

    def forward(self, tokens: Tensor) -> Tensor:
        """Adapt ``[class | patches | prompts]``, shape ``(B, 1 + N + K, D)``."""
        patches = tokens.shape[1] - 1 - self.num_prompts
        c, v, m = tokens.split([1, patches, self.num_prompts], dim=1)
        zero = tokens.new_zeros(())
        c_mean = v_mean = m_mean = zero
        if self.share_means:
            c_mean, v_mean = c, v.mean(dim=1, keepdim=True)
            m_mean = m.mean(dim=1, keepdim=True) if self.num_prompts else zero
        groups = [
            c + self.class_branch(c + v_mean + m_mean),  # Eq. 14
            v + self.visual_branch(v + c_mean + m_mean),  # Eq. 15
        ]
        if self.motion_branch is not None:
            groups.append(m + self.motion_branch(m + c_mean + v_mean))  # Eq. 16
        return torch.cat(groups, dim=1)


@MODELS.register_module()
class PrimitiveAdapter(BaseModule):
    """Adapter with one bottleneck for all tokens (baseline of MPT, Table VIII).

    Source: Houlsby et al. 2019; bias-free, as the parameter counts of MPT imply.

    Args:
        embed_dims: Width D of the tokens.
        reduction: D over the width of the bottleneck. Defaults to 8.
        num_prompts: Unused; accepted for compatibility with :class:`GroupAdapter`.
        init_cfg: Initialization config. Defaults to None.
    """

    def __init__(
        self,
        embed_dims: int,
        reduction: int = 8,
        num_prompts: int = 0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.bottleneck = Bottleneck(embed_dims, _hidden_dims(embed_dims, reduction))

    def forward(self, tokens: Tensor) -> Tensor:
        """Adapt tokens ``(B, L, D)``."""
        return tokens + self.bottleneck(tokens)


def _hidden_dims(embed_dims: int, reduction: int) -> int:
    if reduction < 1 or embed_dims // reduction < 1:
        raise ValueError(
            f'reduction={reduction} is not between 1 and the width {embed_dims}'
        )
    return embed_dims // reduction
