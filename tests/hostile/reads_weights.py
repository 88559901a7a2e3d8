"""Entry points that take checkpoints, arrays and packed models."""

import hashlib
import json
import sys
from pathlib import Path

from .case import place
from .entries import entry
from .staging import Argv, cut, named, run_with


def torch_load(path: str) -> int:
    """Do what any other program in this process does with a checkpoint."""
    import torch

    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch's own, of whatever class
        print('error:', type(error).__name__, str(error)[:200], file=sys.stderr)
        return 1
    # Print the result as a program would. Large tensors are abbreviated.
    print(type(found), repr(found)[:200] if _is_small(found) else '')
    return 0


def _is_small(value: object, budget: int = 10_000) -> bool:
    """Whether a structure can be walked through at all."""
    todo = [value]
    while todo and budget:
        budget -= 1
        one = todo.pop()
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            todo += one
        elif getattr(one, 'numel', lambda: 0)() > 10**6:
            return False
    return not todo


@entry('predict-model', 'packed weights', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    model = named(file, scratch, sound / 'packed.pth')
    return [
        '--model',
        model,
        str(sound / 'clip.mp4'),
        '--face',
        'as-is',
        '--out',
        'o.json',
    ]


@entry('predict-weights', 'weights', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'mpt/folds/sub01/model.pth')
    return ['--model', str(sound / 'mpt.py'), '--weights', weights,
            str(sound / 'clip.mp4'), '--face', 'as-is']  # fmt: skip


@entry('export-packed', 'packed weights', 'export_onnx')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [
        named(file, scratch, sound / 'packed.pth'),
        '--out',
        'o.onnx',
        '--fps',
        '50',
    ]


@entry('export-weights', 'weights', 'export_onnx')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'mpt/folds/sub01/model.pth')
    return [
        str(sound / 'mpt.py'),
        '--checkpoint',
        weights,
        '--out',
        'o.onnx',
        '--fps',
        '50',
    ]


@entry('convert', 'weights', 'convert_weights', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'packed.pth')
    return [weights, str(sound / 'mpt.py'), '--out', 'o.pth']


@entry('test-plain', 'weights', 'test')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'run/folds/s1/model.pth')
    return [str(sound / 'plain.py'), weights, '--work-dir', 'w']


@entry('train-load-from', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'run/folds/s1/model.pth')
    return [str(sound / 'toy.py'), '--work-dir', 'w', '--folds', 's1', '--cfg-options',
            f'load_from={weights}']  # fmt: skip


@entry('train-plain-load-from', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'run/folds/s1/model.pth')
    return [str(sound / 'plain.py'), '--work-dir', 'w', '--cfg-options',
            f'load_from={weights}']  # fmt: skip


@entry('train-plain-resume', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'alone/iter_2.pth')
    return [str(sound / 'plain.py'), '--work-dir', 'w', '--resume', weights]


@entry('init-cfg', 'weights', 'analysis/complexity', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = named(file, scratch, sound / 'packed.pth')
    return [str(sound / 'mpt.py'), '--pretrained', '--cfg-options',
            f'model.backbone.vit.init_cfg.checkpoint={weights}']  # fmt: skip


@entry('torch-load', 'pickle', torch_load)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [named(file, scratch, sound / 'packed.pth')]


@entry('publish', 'weights', 'publish_model')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'mpt', 'folds/sub01/model.pth')
    return [str(run), '--out', 'o.pth']


@entry('predict-fold', 'weights', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'mpt', 'folds/sub01/model.pth')
    return ['--model', str(run), str(sound / 'clip.mp4'), '--face', 'as-is']


@entry('test-fold', 'weights', 'test')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run', 'folds/s1/model.pth')
    return [str(sound / 'toy.py'), str(run), '--work-dir', 'w', '--folds', 's1']


@entry('resume-last', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run', 'folds/s1/last.pth')
    cut(run, 's1')
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume']


@entry('resume-stacked', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run', 'folds/s1/last.pth')
    cut(run, 's1', 's2')
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume', '--strategy',
            'stacked']  # fmt: skip


@entry('resume-stack', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(None, scratch, sound / 'run', '')
    cut(run, 's1', 's2')
    if file is not None:
        # The states of folds that are trained in one stack.
        names = json.dumps([[0, 's1'], [0, 's2']])
        digest = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
        place(file, run / 'stacks' / f'{digest}.pth')
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume', '--strategy',
            'stacked']  # fmt: skip
