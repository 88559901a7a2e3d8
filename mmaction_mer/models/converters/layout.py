"""What a layout of weights is: rules from its keys to those of mmpretrain's ViT."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...utils.errors import MERRunError


class ConversionError(MERRunError):
    """Weights that cannot be converted; the message says which key and what to do."""


@dataclass(frozen=True)
class Used:
    r"""A rule: what a key becomes.

    Attributes:
        source: Regular expression that matches a whole key, below the prefix.
        target: Key of mmpretrain's ViT; ``\1`` is the first group of ``source``.
        change: What its tensor goes through.
        part: Which of ``parts`` it is; parts are joined along their first axis, as
            query, key and value are.
        parts: How many parts make the target.
    """

    source: str
    target: str
    change: Callable[[Tensor], Tensor] | None = None
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class Layout:
    """How one family of releases names its weights.

    Attributes:
        name: What it is called on the command line.
        title: Who writes it.
        anchor: A key that every ViT of the layout has, below one of ``prefixes``.
        prefixes: What may stand before the ViT's keys, most telling first.
        used: Rules of the weights that the ViT takes.
        unused: Keys below the prefix that nothing here needs, as pairs of regular
            expression and reason.
        beside: The same for keys outside the prefix.
        refused: Keys below the prefix that change what the ViT computes in a way
            that mmpretrain's cannot, as pairs of regular expression and reason.
    """

    name: str
    title: str
    anchor: str
    prefixes: tuple[str, ...]
    used: tuple[Used, ...]
    unused: tuple[tuple[str, str], ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def affine(source: str, target: str) -> Used:
    r"""Rule of a layer's weight and bias alike.

    Args:
        source: Regular expression of the layer, with at most one group.
        target: Its name in mmpretrain's ViT.

    >>> rule = affine(r'blocks\.(\d+)\.norm1', r'layers.\1.ln1')
    >>> re.sub(rule.source, rule.target, 'blocks.3.norm1.bias')
    'layers.3.ln1.bias'
    """
    groups = re.compile(source).groups
    return Used(rf'{source}\.(weight|bias)', rf'{target}.\{groups + 1}')


def as_token(tensor: Tensor) -> Tensor:
    """Give a token ``(D,)`` or ``(1, 1, D)`` the shape ``(1, 1, D)``."""
    return tensor.reshape(1, 1, -1)


def as_positions(tensor: Tensor) -> Tensor:
    """Give position embeddings the shape ``(1, 1 + N, D)``.

    Args:
        tensor: ``(L, D)`` or ``(1, L, D)``. Where ``L`` is a square there is none for
            the class token (DeiT III): it gets zeros, which add nothing.

    >>> as_positions(torch.ones(4, 2))[0, :, 0].tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0]
    >>> as_positions(torch.ones(5, 2)).shape
    torch.Size([1, 5, 2])
    """
    if tensor.ndim == 2:
        tensor = tensor[None]
    length = tensor.shape[1]
    if math.isqrt(length) ** 2 == length:
        nothing = tensor.new_zeros(1, 1, tensor.shape[2])
        tensor = torch.cat([nothing, tensor], dim=1)
    return tensor
