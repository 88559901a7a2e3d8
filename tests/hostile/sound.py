"""Sound material that hostile files are put among: data, runs, models, videos."""

import copy
import csv
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from .case import place
from .staging import sealed

TESTS = Path(__file__).parents[1]
SIDE = 64
CLIPS = 4


def write_sound(root: Path) -> dict[str, Any]:
    """Write all of it.

    Args:
        root: A new folder.

    Returns:
        Facts of the packed model in the first format, for whoever spoils them.
    """
    sys.path[:0] = [str(TESTS), str(TESTS / 'helpers')]
    from .annotations import sound

    for name in ('toy', 'other'):
        write_data(root / name, name)
    write_video(root / 'clip.mp4')
    for number in range(CLIPS):
        shutil.copytree(root / 'toy' / 'frames' / f'c{number}',
                        root / 'release' / f's{number + 1}' / f'c{number}')  # fmt: skip
    with open(root / 'release' / 'clips.csv', 'w', newline='') as file:
        rows = sound(CLIPS)['data_list']
        table = csv.writer(file)
        table.writerow(['subject', 'clip', 'emotion', 'fps'])
        for row, emotion in zip(rows, ('happy', 'sad', 'happy', 'sad'), strict=True):
            table.writerow([row['subject'], row['clip'], emotion, 100])
    write_book(root / 'clips.xlsx')
    write_configs(root)
    train_toy(root)
    write_stores(root)
    return write_models(root)


def write_data(folder: Path, dataset: str) -> None:
    """Write an annotation and its frames."""
    from .annotations import sound

    rng = np.random.default_rng(len(dataset))
    content = sound(CLIPS, dataset)
    for row in content['data_list']:
        place = folder / 'frames' / row['frame_dir']
        place.mkdir(parents=True)
        still = rng.integers(0, 200, (SIDE, SIDE, 3), np.uint8)
        for number in range(1, 7):
            cv2.imwrite(str(place / f'img{number}.png'), np.roll(still, number, 0))
    (folder / 'annotations.json').write_text(json.dumps(content))


def write_video(path: Path) -> None:
    """Write half a second of a moving pattern."""
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=30)
        stream.height = stream.width = SIDE
        stream.pix_fmt = 'yuv420p'
        still = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
        still = cv2.GaussianBlur(still, (9, 9), 3)
        for number in range(12):
            moved = np.roll(still, number // 2, 0)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(moved)))
        file.mux(stream.encode())


def write_configs(root: Path) -> None:
    """Write the configs of the tests' toy: of a protocol, and of one training."""
    from engine_toy import CONFIG

    text = CONFIG.replace('{root}', str(root / 'toy'))
    text = text.replace('max_iters=8', 'max_iters=2').replace(
        'interval=2', 'interval=1'
    )
    # The toy is made for 8 pixels.
    small = "    dict(type='Resize', scale=(8, 8), keep_ratio=False),\n"
    last = "    dict(type='PackMERInputs'),\n"
    text = text.replace(last, small + last)
    (root / 'toy.py').write_text(text)
    plain = text.replace("runner_type = 'LOSORunner'\n", '')
    plain = plain.replace("loso = dict(protocol='loso')\n", '')
    plain = plain.replace('SlimCheckpointHook', 'CheckpointHook')
    plain = re.sub(r',\s*share=None\)', ', by_epoch=False)', plain)
    (root / 'plain.py').write_text(plain)
    table = f"title = 'A table'\nbase = {str(root / 'toy.py')!r}\n"
    table += "rows = [dict(name='first', options={})]\n"
    (root / 'table.py').write_text(table)


def write_book(path: Path) -> None:
    """Write the release's table as a workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    with open(path.with_name('release') / 'clips.csv', newline='') as file:
        for row in csv.reader(file):
            book.active.append([int(one) if one.isdigit() else one for one in row])
    book.save(path)


def train_toy(root: Path) -> None:
    """Train the toy: every fold, and once as an ordinary training."""
    from mmaction.registry import RUNNERS
    from mmengine.config import Config
    from mmengine.runner import Runner

    cfg = Config.fromfile(root / 'toy.py')
    cfg.work_dir = str(root / 'run')
    RUNNERS.build(cfg).train()
    spoil(root / 'run', root / 'wrong')
    cfg = Config.fromfile(root / 'toy.py')
    cfg.work_dir, cfg.resume = str(root / 'wrong'), True
    RUNNERS.build(cfg).train()
    cfg = Config.fromfile(root / 'plain.py')
    cfg.work_dir = str(root / 'alone')
    Runner.from_cfg(cfg).train()


def spoil(run: Path, copy: Path) -> None:
    """Copy a run, and let it say something wrong of every clip, as a page shows."""
    place(run, copy)
    for path in copy.glob('folds/*/predictions.jsonl'):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            wrong = (line['label'] + 1) % 3
            chances = [0.0, 0.0, 0.0]
            chances[wrong] = 1.0
            line.update(prediction=wrong, probabilities=chances)
        path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    (copy / 'results.json').unlink()
    sealed(copy)


def write_stores(root: Path) -> None:
    """Write a store of the toy's clips, by the beginning of its pipeline."""
    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.clip_cache import write_store

    shutil.copytree(root / 'toy', root / 'stored')
    rows = read_annotation(root / 'stored' / 'annotations.json')['data_list']
    write_store(root / 'stored' / 'store', rows, root / 'stored' / 'frames', BEGINNING,
                workers=1, progress=False)  # fmt: skip


BEGINNING = (
    dict(type='LoadMERFrames', max_frames=4),
    dict(type='StandardizeLength', length=4),
)


def write_models(root: Path) -> dict[str, Any]:
    """Write a run of MPT, without training, and pack it."""
    from inference_toy import make_run, small_config

    import mmaction_mer
    from mmaction_mer.apis import load_weights, save_weights

    here = Path.cwd()
    os.chdir(Path(mmaction_mer.__file__).parents[1])  # the toy names configs so
    try:
        make_run(root / 'mpt')
        cfg = small_config()
        cfg.dump(root / 'mpt.py')
    finally:
        os.chdir(here)
    weights = load_weights(root / 'mpt').select(['sub01'])
    save_weights(weights, root / 'packed.pth')
    return dict(
        model=plain(weights.model),
        pipeline=plain(weights.pipeline),
        classes=list(weights.classes),
        dataset=weights.dataset,
        held_out=dict(weights.held_out),
    )


def plain(value: Any) -> Any:
    """Copy plain data."""
    return copy.deepcopy(value)
