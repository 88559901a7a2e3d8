"""Measure the peak memory of a training step of many folds, stacked and otherwise.

    python benchmarks/memory.py configs/mpt_vit-b16_casme2.py --folds 26

stacked      all folds in one pass over one frozen backbone
separate     a model and an optimizer per fold, all there at once, steps in turns
unfrozen     stacked, but with a backbone that learns in every fold

Peaks of a process of its own each, over what it had before the models were built, and
the time of the second step of all folds; random weights and random clips.
"""

import logging
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import torch
from common import machine, make_parser, print_table, seconds_of
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmaction_mer.engine.strategies.stacking.fold_stack import (
    FoldStack,
    copy_trainable,
    total_loss,
)
from mmaction_mer.utils.cli.command_line import read_config, report_errors

WAYS = ('stacked', 'separate', 'unfrozen')


def peak(way: str, config: str, folds: int, batch: int) -> tuple[int, float]:
    """Return the peak in bytes of this very process, and the seconds of a step.

    Two steps are taken, since Adam's moments are made at the end of the first.
    """
    logging.disable(logging.INFO)  # mmengine would print every tensor
    init_default_scope('mmaction')
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    cfg = read_config(config)
    cfg.model.backbone.vit.pop('init_cfg', None)
    cfg.model.cls_head.num_classes = 5
    before = resident('VmRSS')
    Path('/proc/self/clear_refs').write_text('5')  # resets VmHWM
    # Each fold has a batch, and so has each model where there are several.
    shape = (batch,) if way == 'separate' else (folds, batch)
    side = cfg.model.backbone.vit.img_size
    motion = torch.randn(*shape, 16, 3, side, side, device=device)
    inputs = dict(image=motion[..., 0, :, :, :].clone(), motion=motion)
    labels = torch.zeros(shape, dtype=torch.long, device=device)
    losses: list[Callable[[], Tensor]] = []
    optimizers = []
    for _ in range(folds if way == 'separate' else 1):
        model = MODELS.build(cfg.model).to(device).train()
        if way == 'unfrozen':
            model.requires_grad_(True)
        if way == 'separate':
            learn = [one for one in model.parameters() if one.requires_grad]
            losses.append(partial(loss_alone, model, inputs, labels))
        else:
            stack = FoldStack(model, [copy_trainable(model)] * folds)
            learn = list(stack.parameters.values())
            losses.append(lambda stack=stack: stack.losses(inputs, labels).sum())
        optimizers.append(torch.optim.Adam(learn))

    def step() -> None:
        for loss, optimizer in zip(losses, optimizers, strict=True):
            loss().backward()
            optimizer.step()
            optimizer.zero_grad()

    step()
    seconds = seconds_of(step)
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(), seconds
    return resident('VmHWM') - before, seconds


def loss_alone(model: nn.Module, inputs: dict, labels: Tensor) -> Tensor:
    """Compute the loss of one model on one batch."""
    out = model(inputs, mode='tensor', stage='head')
    logits = out[0] if isinstance(out, tuple) else out
    return total_loss(model.cls_head.loss_cls(logits, labels))


def resident(field: str) -> int:
    """Return a size of this process in bytes, of ``/proc/self/status``."""
    text = Path('/proc/self/status').read_text()
    return 1024 * int(text.partition(f'{field}:')[2].split()[0])


@report_errors
def main() -> None:
    """Measure each way in a process of its own and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('config')
    parser.add_argument('--folds', type=int, default=26)
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    args = parser.parse_args()
    found = {}
    for way in args.ways:
        # The peak of a process cannot be shared by two of them.
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
            asked = pool.submit(peak, way, args.config, args.folds, args.batch)
        try:
            found[way] = asked.result()
        except BrokenProcessPool:
            print(f'{way}: the process was killed, most likely for its memory')
    print(f'{machine()}; {args.folds} folds, {args.batch} clip(s) of each\n')
    first = next(iter(found.values()))[0]
    print_table(
        ('way', 'peak', f'over {args.ways[0]}', 'a step of all folds'),
        [
            (way, f'{size / 2**30:.2f} GB', f'{size / first:.2f}', f'{seconds:.3f} s')
            for way, (size, seconds) in found.items()
        ],
    )


if __name__ == '__main__':
    sys.exit(main())
