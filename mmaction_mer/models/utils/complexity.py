"""What a model costs: parameters, multiply-adds with attention, memory, time."""

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

#: Clips at once where throughput is measured.
BATCH = 8


@dataclass(frozen=True)
class Cost:
    """What one model costs (MPT, table V, and what that leaves out).

    Attributes:
        trainable: Parameters that learn.
        total: Parameters.
        multiply_adds: Of one clip, attention products counted.
        activation_bytes: What a training step keeps per clip for its backward pass.
        checkpoint_bytes: Size of a fold's checkpoint, without optimizer.
        latency_ms: Median time of the network for one clip, in milliseconds.
        clips_per_s: Clips in a second, in batches of 8.
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
    """Count and time one recognizer.

    The motion front end and the reading of clips are not part of it.

    Args:
        model: A recognizer with ``dummy_inputs``, on the device to time.
        image_size: Side of the frames in pixels.
        length: Frames T.
        repeats: How often it is timed, after two times that do not count.
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
    """Count parameters, each once.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> _ = model[0].requires_grad_(False)
    >>> count_parameters(model)
    {'trainable': 4, 'total': 13}
    """
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {
        'trainable': sum(size for size, learns in sizes if learns),
        'total': sum(size for size, _ in sizes),
    }


def count_by_part(model: nn.Module) -> dict[str, int]:
    """Trainable parameters of every part of a recognizer, by its attribute.

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
    """Bytes that a training step keeps per clip for its backward pass, in float32.

    Parameters and their gradients are not counted; each tensor is counted once. It is
    what decides how many clips, and how many stacked folds, fit into memory.
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
    """Size of the checkpoint of a fold: what learned, and no optimizer."""
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
    """Median seconds of the network for a batch of clips, without the front end."""
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
