"""Entry points that take annotations, spreadsheets and stores."""

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


@entry('store-resumed', 'store', store)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _stored(file, scratch, sound)
    index = data / 'store' / 'index.json'  # a killed run has not written it
    if index.is_symlink() or not index.is_dir():
        index.unlink()
    return [str(data)]
