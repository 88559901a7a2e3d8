"""Layouts of weights: rules that map their keys to those of mmpretrain's ViT."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...utils.errors import MERRunError


class ConversionError(MERRunError):
    """Weights that cannot be converted."""


@dataclass(frozen=True)
class Rule:
    r"""A rule that converts the tensors of matching keys.

    Attributes:
        source: Regular expression that matches a whole key, below the prefix.
        target: Key of mmpretrain's ViT; ``\1`` is the first group of ``source``.
        transform: Function that converts the tensor. Defaults to None.
        part: Index among the ``parts`` that are concatenated along the first axis, as
            query, key and value are. Defaults to 0.
        parts: Number of parts of the target. Defaults to 1.
    """

    source: str
    target: str
    transform: Callable[[Tensor], Tensor] | None = None
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class Layout:
    """The names of weights in one family of releases.

    Attributes:
        name: Name of the layout on the command line.
        title: Projects that use it.
        anchor: A key that every ViT of the layout has, after one of ``prefixes``.
        prefixes: Possible prefixes of the keys of the ViT, most specific first.
        used: Rules for the weights of the ViT.
        unused: Keys with the prefix that are not needed, as pairs of regular
            expression and reason. Defaults to none.
        beside: The same for keys without the prefix. Defaults to none.
        unsupported: Keys with the prefix of features that mmpretrain's ViT does not
            have, as pairs of regular expression and feature. Defaults to none.
    """

    name: str
    title: str
    anchor: str
    prefixes: tuple[str, ...]
    used: tuple[Rule, ...]
    unused: tuple[tuple[str, str], ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    unsupported: tuple[tuple[str, str], ...] = ()


def affine(source: str, target: str) -> Rule:
    r"""Return the rule for the weight and the bias of a layer.

    Args:
        source: Regular expression that matches the layer, with at most one group.
        target: Name of the layer in mmpretrain's ViT.

    >>> rule = affine(r'blocks\.(\d+)\.norm1', r'layers.\1.ln1')
    >>> re.sub(rule.source, rule.target, 'blocks.3.norm1.bias')
    'layers.3.ln1.bias'
    """
    groups = re.compile(source).groups
    return Rule(rf'{source}\.(weight|bias)', rf'{target}.\{groups + 1}')


def as_token(tensor: Tensor) -> Tensor:
    """Reshape a token of shape ``(D,)`` or ``(1, 1, D)`` to ``(1, 1, D)``."""
    return tensor.reshape(1, 1, -1)


def as_positions(tensor: Tensor) -> Tensor:
    """Reshape position embeddings to ``(1, 1 + N, D)``.

    Args:
        tensor: Embeddings of shape ``(L, D)`` or ``(1, L, D)``. If L is a square, the
            class token has none (DeiT III) and gets zeros, which have no effect.

    >>> as_positions(torch.ones(4, 2))[0, :, 0].tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0]
    >>> as_positions(torch.ones(5, 2)).shape
    torch.Size([1, 5, 2])
    """
    if tensor.ndim == 2:
        tensor = tensor[None]
    length = tensor.shape[1]
    if math.isqrt(length) ** 2 == length:
        zeros = tensor.new_zeros(1, 1, tensor.shape[2])
        tensor = torch.cat([zeros, tensor], dim=1)
    return tensor
