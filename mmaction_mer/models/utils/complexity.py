"""Complexity of a model: parameters, multiply-adds with attention, memory, time."""

import io
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from .saved_bytes import SavedBytes
from .slim_checkpoint import slim_state_dict

#: Batch size at which throughput is measured.
BATCH = 8


@dataclass(frozen=True)
class Cost:
    """Complexity of a model (MPT, Table V, and more).

    Attributes:
        trainable: Trainable parameters.
        total: All parameters.
        multiply_adds: Multiply-adds of one clip, including attention products.
        activation_bytes: Bytes saved per clip for the backward pass.
        checkpoint_bytes: Size of a fold's checkpoint, without optimizer.
        latency_ms: Median time of the network for one clip, in milliseconds.
        clips_per_s: Throughput in batches of 8.
    """

    trainable: int
    total: int
    multiply_adds: int
    activation_bytes: int
    checkpoint_bytes: int
    latency_ms: float
    clips_per_s: float


def cost(
    model: nn.Module, image_size: int = 224, length: int = 16, repeats: int = 10
) -> Cost:
    """Measure the complexity of a recognizer, without front end and data loading.

    Args:
        model: A recognizer with ``dummy_inputs``, on the device to time.
        image_size: Side of the frames in pixels.
        length: Frames T.
        repeats: Timed passes after two warm-up passes. Defaults to 10.
    """
    parameters = count_parameters(model)
    return Cost(
        parameters['trainable'],
        parameters['total'],
        count_multiply_adds(model, image_size, length),
        count_activation_bytes(model, image_size, length),
        count_checkpoint_bytes(model),
        1000 * forward_seconds(model, image_size, length, repeats),
        BATCH / forward_seconds(model, image_size, length, repeats, BATCH),
    )


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Count the trainable and all parameters, each once.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> _ = model[0].requires_grad_(False)
    >>> count_parameters(model)
    {'trainable': 4, 'total': 13}
    """
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {
        'trainable': sum(size for size, trainable in sizes if trainable),
        'total': sum(size for size, _ in sizes),
    }


def count_by_part(model: nn.Module) -> dict[str, int]:
    """Count the trainable parameters of every part of a recognizer.

    Returns:
        Trainable parameters of ``backbone.prompt``, ``backbone.adapters`` and so on;
        frozen parts are omitted.
    """
    parts: dict[str, int] = {}
    for name, child in model.named_children():
        blocks = child.named_children() if name == 'backbone' else [('', child)]
        for block_name, block in blocks:
            trainable = count_parameters(block)['trainable']
            if trainable:
                parts[f'{name}.{block_name}'.rstrip('.')] = trainable
    return parts


def count_multiply_adds(
    model: nn.Module, image_size: int = 224, length: int = 16
) -> int:
    """Count the multiply-adds of one clip, including attention products.

    Counters that hook fused attention miss it on a CPU; here the plain form of
    attention runs, so that its two products are counted like any other. The motion
    front end (a ``T x T`` product per pixel) is not part of it, nor of the paper's
    figure.

    Args:
        model: A recognizer with ``dummy_inputs``.
        image_size: Side of the frames in pixels.
        length: Frames T.

    Returns:
        Multiply-adds (half of the floating point operations).
    """
    inputs = model.dummy_inputs(image_size, length)
    was_training = model.training
    model.eval()
    counter = FlopCounterMode(display=False)
    # A parameter that is handed on as it is (VPT) would look as if it had a gradient.
    weights = {name: one.detach() for name, one in model.state_dict().items()}
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        functional_call(model, weights, (inputs,), dict(mode='tensor', stage='head'))
    model.train(was_training)
    return counter.get_total_flops() // 2


def count_activation_bytes(
    model: nn.Module, image_size: int = 224, length: int = 16
) -> int:
    """Count the bytes saved per clip for the backward pass, in float32.

    Parameters and their gradients are not counted; each tensor is counted once. It
    determines how many clips and stacked folds fit into memory.
    """
    inputs = model.dummy_inputs(image_size, length)
    was_training = model.training
    model.train()
    kept = SavedBytes(model)
    with kept.counting():
        logits = model(inputs, mode='tensor', stage='head')
    model.train(was_training)
    del logits
    return kept.total


def count_checkpoint_bytes(model: nn.Module) -> int:
    """Return the size of a slim checkpoint without optimizer state."""
    with io.BytesIO() as file:
        torch.save(slim_state_dict(model), file)
        return len(file.getvalue())


def forward_seconds(
    model: nn.Module,
    image_size: int = 224,
    length: int = 16,
    repeats: int = 10,
    batch: int = 1,
) -> float:
    """Return the median time of a forward pass in seconds, without the front end."""
    inputs = {
        name: one.repeat(batch, *[1] * (one.ndim - 1))
        for name, one in model.dummy_inputs(image_size, length).items()
    }
    was_training = model.training
    model.eval()
    times = []
    with torch.no_grad():
        for _ in range(repeats + 2):
            begin = time.perf_counter()
            logits = model(inputs, mode='tensor', stage='head')
            # Reading a number waits for a GPU to have computed it.
            float((logits[0] if isinstance(logits, tuple) else logits).sum())
            times.append(time.perf_counter() - begin)
    model.train(was_training)
    return sorted(times[2:])[repeats // 2]
