"""Measure what keeping freed memory is worth in a training step on a CPU.

    python benchmarks/allocator.py configs/mpt_vit-tiny_synthme.py

Steps of the config's model on random clips, with and without `keep_freed_memory`, in
turns. The setting cannot be taken back, so each turn is a process of its own.
"""

import logging
import multiprocessing
import statistics
import sys

import torch
from common import make_parser, print_table, seconds_of
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope

from mmaction_mer.utils.cli.command_line import read_config, report_errors
from mmaction_mer.utils.memory import keep_freed_memory


def seconds_per_step(config: str, batch: int, steps: int, keep: bool) -> float:
    """Return the median time of a step: forward, backward and update."""
    if keep and not keep_freed_memory():
        raise SystemExit('this benchmark needs glibc')
    logging.disable(logging.INFO)  # mmengine would print every tensor
    init_default_scope('mmaction')
    cfg = read_config(config)
    cfg.model.cls_head.num_classes = 3
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    size = model.backbone.vit.img_size[0]
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    clips = [torch.randint(256, (16, 3, size, size)).byte() for _ in range(batch)]
    samples = [ActionDataSample().set_gt_label(0) for _ in range(batch)]
    for sample in samples:
        sample.set_metainfo(dict(fps=50.0))

    def step() -> None:
        data = dict(inputs=dict(clip=clips), data_samples=samples)
        data = model.data_preprocessor(data, True)
        model(**data, mode='loss')['loss_cls'].backward()
        optimizer.step()
        optimizer.zero_grad()

    # The first two warm up.
    return statistics.median([seconds_of(step) for _ in range(2 + steps)][2:])


@report_errors
def main() -> None:
    """Measure in turns and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('config')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--steps', type=int, default=10)
    parser.add_argument('--turns', type=int, default=3)
    args = parser.parse_args()
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(args.turns):
        for keep, found in times.items():
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                job = (args.config, args.batch, args.steps, keep)
                found.append(pool.apply(seconds_per_step, job))
    plain, kept = (statistics.median(found) for found in times.values())
    print_table(
        ('freed memory', f'a step of {args.batch} clips', 'ratio'),
        [
            ('handed back', f'{1e3 * plain:.0f} ms', 1),
            ('kept', f'{1e3 * kept:.0f} ms', f'{kept / plain:.2f}'),
        ],
    )


if __name__ == '__main__':
    sys.exit(main())
