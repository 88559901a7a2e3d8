"""What a model costs: parameters that learn, and multiply-adds with attention."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..engine.fold_runner import count_parameters


def count_by_part(model: nn.Module) -> dict[str, int]:
    """Trainable parameters of every part of an MPT recognizer, by its attribute.

    Returns:
        Trainable parameters of ``backbone.prompt``, ``backbone.adapters`` and so on;
        parts in which nothing learns are left out.
    """
    parts: dict[str, int] = {}
    for name, child in model.named_children():
        blocks = child.named_children() if name == 'backbone' else [('', child)]
        for block_name, block in blocks:
            learns = count_parameters(block)['trainable']
            if learns:
                parts[f'{name}.{block_name}'.rstrip('.')] = learns
    return parts


def count_multiply_adds(
    model: nn.Module, image_size: int = 224, length: int = 16
) -> int:
    """Multiply-adds of one clip through a recognizer, attention products counted.

    Counters that hook fused attention miss it on a CPU; here the plain form of
    attention runs, so that its two products are counted like any other. The motion
    front end (a ``T x T`` product per pixel) is not part of it, nor of the paper's
    figure.

    Args:
        model: An :class:`MPTRecognizer`.
        image_size: Side of the frames in pixels.
        length: Frames T.

    Returns:
        Multiply-adds (half of the floating point operations).
    """
    parameter = next(model.parameters())
    image = torch.zeros(1, 3, image_size, image_size, device=parameter.device)
    inputs = dict(image=image, motion=image[:, None].repeat(1, length, 1, 1, 1))
    was_training = model.training
    model.eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(inputs, mode='tensor', stage='head')
    model.train(was_training)
    return counter.get_total_flops() // 2
