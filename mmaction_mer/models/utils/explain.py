"""Saliency maps of models over a ViT.

Sources: Grad-CAM, Selvaraju et al. 2017; attention roll-out, Abnar and Zuidema 2020;
integrated gradients, Sundararajan et al. 2017.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from mmpretrain.models import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class TokenTrace:
    """Activations of the layers of a ViT, recorded by :func:`record_activations`.

    Attributes:
        tokens: ``(B, L, D)`` tokens as they enter each layer.
        attention: ``(B, L, L)`` attention of each layer, mean over its heads; rows
            sum to one.
        grid: Rows and columns of patches, one pair.
    """

    tokens: list[Tensor] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    grid: list[tuple[int, int]] = field(default_factory=list)


@contextmanager
def record_activations(vit: VisionTransformer, layer: int) -> Iterator[TokenTrace]:
    """Record a forward pass, with gradients from one layer on.

    The output of frozen layers has no gradient: the tokens that enter ``layer`` become
    the leaf of a new graph.

    Args:
        vit: The ViT.
        layer: Number of the layer, as an index of ``vit.layers``.

    Yields:
        The trace of the next forward pass; ``trace.tokens[layer]`` is the leaf.
    """
    trace = TokenTrace()
    leaf = vit.layers[layer]

    def enters(module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        tokens = args[0]
        if module is leaf:
            tokens = tokens.detach().requires_grad_()
        trace.tokens.append(tokens)
        return (tokens,)

    def attends(module: nn.Module, args: tuple[Tensor], _: Tensor) -> None:
        trace.attention.append(attention(module, args[0]).detach())

    def embeds(_: nn.Module, __: tuple, output: tuple[Tensor, tuple]) -> None:
        trace.grid.append(tuple(output[1]))

    hooks = [vit.patch_embed.register_forward_hook(embeds)]
    hooks += [one.register_forward_pre_hook(enters) for one in vit.layers]
    hooks += [one.attn.register_forward_hook(attends) for one in vit.layers]
    try:
        yield trace
    finally:
        for hook in hooks:
            hook.remove()


def attention(module: nn.Module, tokens: Tensor) -> Tensor:
    """Compute the attention weights that fused attention does not return.

    Args:
        module: mmpretrain's ``MultiheadAttention``.
        tokens: Its input ``(B, L, D)``.

    Returns:
        ``(B, L, L)``, mean over heads; rows are queries, columns are keys.
    """
    batch, length, _ = tokens.shape
    parts = module.qkv(tokens).view(batch, length, 3, module.num_heads, -1)
    query, key, _ = parts.permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-2, -1) * module.head_dims**-0.5
    return scores.softmax(-1).mean(1)


def attention_rollout(attention: Sequence[Tensor]) -> Tensor:
    """Compute attention rollout through layers with residual connections.

    Every layer is modeled as ``(A + 1) / 2``; the matrices of all layers are
    multiplied.

    Args:
        attention: ``(B, L, L)`` of each layer, in order.

    Returns:
        ``(B, L, L)``: contribution of each input token (column) to each output token
        (row); rows sum to one.

    Example:
        >>> one = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])
        >>> attention_rollout([one, one])
        tensor([[[0.2500, 0.7500],
                 [0.0000, 1.0000]]])
    """
    rolled = torch.eye(attention[0].shape[-1], device=attention[0].device)
    for one in attention:
        rolled = (one @ rolled + rolled) / 2
    return rolled


def grad_cam(tokens: Tensor, gradient: Tensor) -> Tensor:
    """Compute Grad-CAM: channels weighted by their mean gradient, positive part.

    Args:
        tokens: ``(B, N, D)``, one per place.
        gradient: ``(B, N, D)`` of a class's logit by them.

    Returns:
        ``(B, N)``, 0 and up.

    Example:
        >>> tokens = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        >>> grad_cam(tokens, torch.tensor([[[2.0, -1.0], [4.0, -1.0]]]))
        tensor([[3., 0.]])
    """
    weight = gradient.mean(1, keepdim=True)
    return (weight * tokens).sum(-1).clamp(min=0)


def logit_margin(logits: Tensor, target: Tensor) -> Tensor:
    """Return the logit of a class minus the mean of the others, ``(B,)``.

    Example:
        >>> logit_margin(torch.tensor([[3.0, 1.0, 0.0]]), torch.tensor([0]))
        tensor([2.5000])
    """
    classes = logits.shape[1]
    chosen = logits.gather(1, target[:, None])[:, 0]
    return (classes * chosen - logits.sum(1)) / (classes - 1)


def integrated_gradients(
    score: Callable[[dict[str, Tensor]], Tensor],
    inputs: Mapping[str, Tensor],
    start: Mapping[str, Tensor],
    steps: int = 4,
) -> dict[str, Tensor]:
    """What each number of the inputs adds to a score, from a start to what they are.

    Args:
        score: From inputs to ``(B,)``, each clip by itself.
        inputs: Tensors ``(B, ...)``.
        start: Alike: inputs that hold nothing to be found.
        steps: Places on the straight way between the two where the gradient is taken.

    Returns:
        Alike. With enough steps they add up to the score of the inputs less that of
        the start.

    Example:
        >>> square = lambda inputs: inputs['x'].square().sum(1)
        >>> x = torch.tensor([[3.0, 4.0]])
        >>> integrated_gradients(square, dict(x=x), dict(x=torch.zeros(1, 2)))['x']
        tensor([[ 9., 16.]])
    """
    way = {name: inputs[name] - start[name] for name in inputs}
    total = {name: torch.zeros_like(one) for name, one in way.items()}
    for step in range(steps):
        share = (step + 0.5) / steps
        here = {
            name: (start[name] + share * one).detach().requires_grad_()
            for name, one in way.items()
        }
        found = torch.autograd.grad(
            score(here).sum(), list(here.values()), materialize_grads=True
        )
        for name, gradient in zip(here, found, strict=True):
            total[name] += gradient / steps
    return {name: (total[name] * way[name]).detach() for name in way}


def over_image(values: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Lay the values of patches over a picture.

    Args:
        values: ``(B, N)``, row by row.
        grid: Rows and columns of patches, N in all.
        size: Height and width of the picture.

    Returns:
        ``(B, H, W)``, bilinear between the middles of the patches.
    """
    return functional.interpolate(values.reshape(-1, 1, *grid), size, mode='bilinear')[
        :, 0
    ]
