"""What keeping freed memory is worth in a training step on a CPU, as a ratio.

    python benchmarks/allocator.py configs/mpt_vit-tiny_synthme.py

Steps of the config's model on random clips, in processes of their own, with and
without `keep_freed_memory`, in turns.
"""

import argparse
import logging
import multiprocessing
import statistics
import sys
import time

import torch
from common import machine, row
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine.command_line import read_config, report_errors
from mmaction_mer.engine.memory import keep_freed_memory
from mmaction_mer.utils import write_json


def seconds_per_step(config: str, batch: int, steps: int, keep: bool) -> float:
    """Median time of a training step, forward, backward and update."""
    if keep and not keep_freed_memory():
        raise SystemExit('this machine has another C library than glibc')
    logging.disable(logging.INFO)  # mmengine would print every tensor
    cfg = read_config(config)
    cfg.model.cls_head.num_classes = 3
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    size = model.backbone.vit.img_size[0]
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    clips = [torch.randint(256, (16, 3, size, size)).byte() for _ in range(batch)]
    samples = [ActionDataSample().set_gt_label(0) for _ in range(batch)]
    for sample in samples:
        sample.set_metainfo(dict(fps=50.0))
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        data = dict(inputs=dict(clip=clips), data_samples=samples)
        data = model.data_preprocessor(data, True)
        model(**data, mode='loss')['loss_cls'].backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def rows_of(plain: float, kept: float, batch: int) -> list[dict]:
    """The rows of both ways, from their seconds per step."""
    return [
        row('handed back', batch / plain, plain, 1.0),
        row('kept', batch / kept, kept, plain / kept),
    ]


@report_errors
def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--steps', type=int, default=12)
    parser.add_argument('--turns', type=int, default=3)
    parser.add_argument('--json', help='write the numbers there, too')
    args = parser.parse_args()
    if min(args.batch, args.turns) < 1 or args.steps < 3:
        parser.error('--batch, --turns: 1 or more; --steps: 3 or more, two warm up')
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(args.turns):
        for keep, found in times.items():
            # The setting cannot be taken back: each turn is a new process.
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                job = (args.config, args.batch, args.steps, keep)
                found.append(pool.apply(seconds_per_step, job))
    plain, kept = (statistics.median(times[keep]) for keep in (False, True))
    print(f'| freed memory | a step of {args.batch} clips | ratio |\n|---|---:|---:|')
    print(f'| handed back | {1e3 * plain:.0f} ms | 1 |')
    print(f'| kept | {1e3 * kept:.0f} ms | {kept / plain:.2f} |')
    if args.json:
        rows = rows_of(plain, kept, args.batch)
        write_json(args.json, dict(machine=machine(), rows=rows))


if __name__ == '__main__':
    sys.exit(main())
