"""Entry points that take annotations, spreadsheets and stores."""

import os
from pathlib import Path

from .case import place
from .entries import entry
from .reads_media import store
from .staging import Argv, annotated, named, or_sound, release, toy_config


@entry('check', 'annotation', 'data/check')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = annotated(file, scratch, sound)
    return [str(data / 'annotations.json'), '--json', 'o.json']


@entry('browse', 'annotation', 'data/browse')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(annotated(file, scratch, sound) / 'annotations.json')]


@entry('compose', 'annotation', 'data/compose')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = annotated(file, scratch, sound)
    return [str(data), str(sound / 'other'), '--out', 'o']


@entry('store', 'annotation', store)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(annotated(file, scratch, sound))]


@entry('flow', 'annotation', 'analysis/flow_baseline')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = annotated(file, scratch, sound)
    return [str(data / 'annotations.json'), '--data-root', str(data / 'frames'),
            '--out', 'o', '--grid', '4']  # fmt: skip


@entry('train', 'annotation', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = annotated(file, scratch, sound)
    return [toy_config(scratch, sound, data), '--work-dir', 'w', '--folds', 's1']


@entry('score-annotation', 'annotation', 'analysis/score')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = annotated(file, scratch, sound)
    return [str(sound / 'run'), '--annotation', str(data / 'annotations.json')]


@entry('prepare-sheet', 'sheet', 'data/prepare')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = release(None, scratch, sound, False)
    sheet = named(file, scratch, sound / 'clips.xlsx')
    return [*argv, '--no-crop', '--sheet', sheet]


@entry('prepare-beside', 'sheet', 'data/prepare')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = release(None, scratch, sound, False)
    root, given = scratch / 'release', or_sound(file, sound / 'clips.xlsx')
    (root / 'clips.csv').unlink()
    place(given, root / ('clips.csv' if given.name == 'file' else given.name))
    return [*argv, '--no-crop']


@entry('prepare-casme2', 'sheet', 'data/prepare', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = release(None, scratch, sound, False)
    sheet = named(file, scratch, sound / 'clips.xlsx')
    return ['casme2', *argv[1:], '--no-crop', '--sheet', sheet]


def _stored(file: Path | None, scratch: Path, sound: Path) -> Path:
    data = scratch / 'stored'
    place(sound / 'stored', data)
    if file is not None:
        place(file, data / 'store')
    return data


@entry('train-store', 'store', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _stored(file, scratch, sound)
    return [toy_config(scratch, sound, data), '--work-dir', 'w', '--folds', 's1']


@entry('store-over', 'store', store)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(_stored(file, scratch, sound))]


@entry('store-resumed', 'journal', store)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = scratch / 'toy'
    place(sound / 'toy', data)
    if file is not None:
        place(file, data / '.store.partial')
        _believe(data)
    return [str(data)]


def _believe(data: Path) -> None:
    """Let a journal name the plan that the store will be written by."""
    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.clip_store import writing

    journal = data / '.store.partial' / 'journal.jsonl'
    if not journal.is_file() or journal.is_symlink() or journal.stat().st_size > 10**8:
        return
    from mmaction.registry import TRANSFORMS

    from .sound import BEGINNING

    rows = read_annotation(data / 'annotations.json')['data_list']
    root = os.path.abspath(data / 'frames')
    transforms = [TRANSFORMS.build(dict(one)) for one in BEGINNING]
    pipeline = writing.beginning(transforms)
    clips = writing._without_duplicates(rows, root)
    plan = writing.digest([writing.FORMAT, pipeline, clips])
    text = journal.read_text()
    if '"PLAN"' in text:
        journal.write_text(text.replace('PLAN', plan))
        import numpy as np

        shape = (len(clips), 4, 64, 64, 3)
        np.lib.format.open_memmap(journal.with_name('clips.npy'), 'w+', np.uint8, shape)
