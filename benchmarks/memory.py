r"""What a training step of many folds takes of memory, stacked and otherwise.

    python benchmarks/memory.py configs/mpt_vit-b16_casme2.py --folds 26

stacked      all folds in one pass over one frozen backbone
separate     a model and an optimizer per fold, all there at once, steps in turns
unfrozen     stacked, but with a backbone that learns in every fold

Peaks of a process of its own each, over what it had before the models were built, and
the time of the second step of all folds; random weights and random clips.
"""

import argparse
import logging
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import torch
from common import machine, row
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from training_step import seconds_of

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine.command_line import read_config, report_errors
from mmaction_mer.engine.stacking.fold_stack import (
    FoldStack,
    copy_of_learning,
    total_loss,
)
from mmaction_mer.utils import write_json

WAYS = ('stacked', 'separate', 'unfrozen')


def build(cfg: Config, device: torch.device) -> nn.Module:
    """Build the config's model with random weights, in training mode."""
    cfg.model.backbone.vit.pop('init_cfg', None)
    cfg.model.cls_head.num_classes = 5
    model = MODELS.build(cfg.model).to(device)
    return model.train()


def data(
    cfg: Config, shape: tuple[int, ...], device: torch.device
) -> tuple[dict, Tensor]:
    """Random inputs of the model and labels, with these leading axes."""
    side = cfg.model.backbone.vit.img_size
    motion = torch.randn(*shape, 16, 3, side, side, device=device)
    labels = torch.zeros(shape, dtype=torch.long, device=device)
    return dict(image=motion[..., 0, :, :, :].clone(), motion=motion), labels


def step(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Take a training step as a runner does, and let its gradients go."""
    loss().backward()
    optimizer.step()
    optimizer.zero_grad()


def loss_alone(model: nn.Module, inputs: dict, labels: Tensor) -> Tensor:
    """Loss of one model on one batch."""
    out = model(inputs, mode='tensor', stage='head')
    logits = out[0] if isinstance(out, tuple) else out
    return total_loss(model.cls_head.loss_cls(logits, labels))


def peak(way: str, config: str, folds: int, batch: int) -> tuple[float, float]:
    """Bytes that one way takes at most, in this very process, and seconds of a step.

    Of two steps, since only the first one's end makes Adam's two moments.
    """
    logging.disable(logging.INFO)  # mmengine would print every tensor
    init_default_scope('mmaction')
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    cfg = read_config(config)
    before = _used(device, most=False)
    _forget_peak(device)
    steps = []
    if way == 'separate':
        inputs, labels = data(cfg, (batch,), device)
        for _ in range(folds):
            model = build(cfg, device)
            learn = [one for one in model.parameters() if one.requires_grad]
            loss = partial(loss_alone, model, inputs, labels)
            steps.append(partial(step, loss, torch.optim.Adam(learn)))
    else:
        model = build(cfg, device)
        if way == 'unfrozen':
            model.requires_grad_(True)
        stack = FoldStack(model, [copy_of_learning(model)] * folds)
        inputs, labels = data(cfg, (folds, batch), device)
        optimizer = torch.optim.Adam(list(stack.parameters.values()))
        steps = [partial(step, lambda: stack.losses(inputs, labels).sum(), optimizer)]

    def turn() -> None:
        for one in steps:
            one()

    turn()
    seconds = seconds_of(turn, device)
    return _used(device, most=True) - before, seconds


def rows_of(
    found: dict[str, tuple[float, float]], folds: int, batch: int
) -> list[dict]:
    """A row for every way, from its bytes and seconds of a step of all folds."""
    size_stacked = found['stacked'][0] if 'stacked' in found else None
    slow = found['separate'][1] if 'separate' in found else None
    return [
        row(
            way,
            folds * batch / seconds,
            seconds,
            slow and slow / seconds,
            bytes=int(size),
            over_stacked=size_stacked and round(size / size_stacked, 2),
        )
        for way, (size, seconds) in found.items()
    ]


def _used(device: torch.device, most: bool) -> float:
    if device.type == 'cuda':
        if most:
            return torch.cuda.max_memory_allocated()
        return torch.cuda.memory_allocated()
    field = 'VmHWM' if most else 'VmRSS'
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{field}:'):
            return 1024 * float(line.split()[1])
    raise SystemExit('this system does not say what a process takes')


def _forget_peak(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    else:
        Path('/proc/self/clear_refs').write_text('5')


@report_errors
def main() -> None:
    """Measure each way in a process of its own and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('--folds', type=int, default=26)
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    parser.add_argument('--json', help='write the numbers there, too')
    args = parser.parse_args()
    if min(args.folds, args.batch) < 1:
        parser.error('--folds, --batch: 1 or more')
    found = {}
    for way in args.ways:
        # The peak of a process cannot be shared by two of them.
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
            asked = pool.submit(peak, way, args.config, args.folds, args.batch)
        try:
            found[way] = asked.result()
        except BrokenProcessPool:
            print(f'{way}: the process was killed, most likely for its memory')
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else machine()
    print(f'{device}; {args.folds} folds, {args.batch} clip(s) of each\n')
    print('| way | peak | over stacked | a step of all folds | over separate |')
    print('|---|---:|---:|---:|---:|')
    rows = rows_of(found, args.folds, args.batch)
    for r in rows:
        print(
            f'| {r["name"]} | {r["bytes"] / 2**30:.2f} GB | {r["over_stacked"]} '
            f'| {r["wall_s"]:.3f} s | {r["speedup"]} |'
        )
    if args.json:
        write_json(args.json, dict(machine=device, rows=rows))


if __name__ == '__main__':
    sys.exit(main())
