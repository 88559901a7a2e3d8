"""Work directories whose files were changed: laid over a sound run."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .case import Corpus
from .checkpoints import checkpoint
from .planting import crowd, planted_calls, pointers
from .special import write_special

FOLD = 'folds/s1'
STATES = ('fold.json', 'loso.json', 'results.json', 'predictions.jsonl')
WEIGHTS = ('model.pth', 'last.pth')


def write(corpus: Corpus, sound: Path) -> None:
    """Write the family.

    Args:
        corpus: Where to.
        sound: The work directory of a finished run.
    """

    def new(what: str, plants: str, file: str) -> Path:
        folder = corpus.new(f'runs/{what}', 'run', 'run', plants)
        path = folder / where(file)
        path.parent.mkdir(parents=True)
        if file in ('last.pth', 'group.pth'):
            # A fold is read on from its state only where it is not done.
            unfinished(folder, sound)
        return path

    for file in STATES:
        stem = file.partition('.')[0]
        for what in ('fifo', 'socket', 'endless', 'sparse', 'folder', 'loop'):
            write_special(new(f'{stem}-{what}', 'waits or has no end', file), what, '')
        text = (sound / where(file)).read_text()
        first = text.splitlines()[0] if file.endswith('l') else text
        for what, content in _texts(first).items():
            new(f'{stem}-{what}', 'memory, wrong types', file).write_text(content)
        _wrong_values(new, stem, file, json.loads(first))
    for file in WEIGHTS:
        stem = file.partition('.')[0]
        for what in ('fifo', 'endless', 'sparse', 'folder'):
            write_special(new(f'{stem}-{what}', 'waits or has no end', file), what, '')
        _weights(corpus, new, stem, file)
    _others(corpus, new, sound)


def where(file: str) -> str:
    """Return the place of a file in a run."""
    inside = file in ('fold.json', 'predictions.jsonl', *WEIGHTS)
    return f'{FOLD}/{file}' if inside else file


def unfinished(folder: Path, sound: Path) -> None:
    """Let the fold be one that was cut."""
    state = json.loads((sound / FOLD / 'fold.json').read_text())
    (folder / FOLD).mkdir(parents=True, exist_ok=True)
    (folder / FOLD / 'fold.json').write_text(json.dumps(state | {'status': 'running'}))


def _texts(first: str) -> dict[str, str]:
    """Return contents that replace those of a text file."""
    return {
        'empty': '',
        'half': first[: len(first) // 2],
        'deep': '[' * 100_000 + ']' * 100_000,
        'deep-object': '{"a":' * 100_000,
        'long': json.dumps('x' * 5_000_000),
        'long-line': '\n' * 2_000_000 + 'x' * 1_000_000,
        'null': 'null',
        'number': '1' * 100_000,
        'list': '[1, 2]',
        'binary': '\udcff'.encode('utf-8', 'surrogatepass').decode('latin-1'),
        'py-object': '{"py/object": "os.system", "py/reduce": [["id"]]}',
    }


def _wrong_values(
    new: Callable[..., Path], stem: str, file: str, content: dict[str, Any]
) -> None:
    """One field at a time of another type."""
    values: list[Any] = [[1], {'a': {'b': 1}}, None, 5, 'x' * 1_000_000, 1e308, -1]
    for number, key in enumerate(content):
        for step in range(2):
            place = (number + 3 * step) % len(values)
            path = new(f'{stem}-{key}-{place}', 'wrong types', file)
            path.write_text(_sealed(content | {key: values[place]}))
    name = '<img src=x onerror=planted>'
    path = new(f'{stem}-markup', 'markup', file)
    path.write_text(_sealed(_renamed(content, name)))
    path = new(f'{stem}-escape', 'markup', file)
    path.write_text(_sealed(_renamed(content, '\x1b[31mPLANTED')))
    path = new(f'{stem}-dots', 'another path', file)
    path.write_text(_sealed(_renamed(content, '../../../escaped')))


def _sealed(content: dict[str, Any]) -> str:
    """Write a file with a matching digest, which does not prove its origin."""
    if isinstance(content.get('digest'), str):
        from mmaction_mer.engine.work_dir.fingerprint import fingerprint

        content = {key: one for key, one in content.items() if key != 'digest'}
        content['digest'] = fingerprint(content)
    return json.dumps(content)


def _renamed(value: Any, name: str) -> Any:
    """Put a name in place of every one."""
    known = ('s1', 's2', 's3', 's4', 'negative', 'positive', 'surprise', 's1_c0', 'toy')
    if isinstance(value, dict):
        return {_renamed(key, name): _renamed(one, name) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, name) for one in value]
    return f'{name}{known.index(value)}' if value in known else value


def _weights(corpus: Corpus, new: Callable[..., Path], stem: str, file: str) -> None:
    for what in ('os-system', 'eval', 'object-array'):
        name = f'runs/{stem}-{what}'
        call = planted_calls(corpus.marker(name))[what]
        torch.save(checkpoint(optimizer=call, param_schedulers=[call]),
                   new(f'{stem}-{what}', 'a call', file))  # fmt: skip
    name = f'runs/{stem}-plain'
    call = planted_calls(corpus.marker(name))['os-system']
    new(f'{stem}-plain', 'a call', file).write_bytes(pickle.dumps(call))
    large = torch.zeros(1).expand(20_000, 20_000)
    for what, content in {
        'pointers': checkpoint(optimizer=pointers(), param_schedulers=[pointers()]),
        'crowd': checkpoint(optimizer=crowd(), param_schedulers=crowd()),
        'expanded': {'state_dict': {'head.weight': large},
                     'meta': {'iter': 2}, 'optimizer': {}, 'param_schedulers': []},
        'meta-wrong': {'state_dict': {}, 'meta': {'iter': 'x'}, 'optimizer': 5},
        'meta-giant': checkpoint(meta={'iter': 10**18, 'seconds': 'x'},
                                 optimizer=None, param_schedulers=None),
        'nothing': {},
        'list': [1],
    }.items():  # fmt: skip
        torch.save(content, new(f'{stem}-{what}', 'memory, wrong types', file))
    new(f'{stem}-empty', 'damage', file).write_bytes(b'')
    new(f'{stem}-text', 'damage', file).write_bytes(b'x' * 1000)


def _others(corpus: Corpus, new: Callable[..., Path], sound: Path) -> None:
    """Figures, settings of tools, and links out of the run."""
    noted = {
        'list': [1], 'of': {'a.png': {'of': 5, 'caption': [1]}},
        'dots': {'../../../secrets/x.png': {'of': 'x', 'caption': 'y'}},
    }  # fmt: skip
    for what, content in noted.items():
        path = new(f'figures-{what}', 'another file', 'figures/figures.json')
        path.write_text(json.dumps(content))
    for file in ('figures/figures.json', 'clip.png', 'failure.json'):
        stem = file.rpartition('/')[2].replace('.', '-')
        for what in ('fifo', 'endless', 'sparse', 'folder'):
            write_special(new(f'{stem}-{what}', 'waits or has no end', file), what, '')
    folder = corpus.new('runs/fold-outside', 'run', 'run', 'another file')
    (folder / 'folds').mkdir(parents=True)
    (folder / 'folds' / 's1').symlink_to('/proc/self')
    folder = corpus.new('runs/many-folds', 'run', 'run', 'time')
    for number in range(300):
        path = folder / 'folds' / f'x{number}' / 'fold.json'
        path.parent.mkdir(parents=True)
        path.write_text('{"status": "done"}')
    folder = corpus.new('runs/seeds-beside', 'run', 'run', 'wrong types')
    (folder / 'seed99999999999999999999999').mkdir(parents=True)
    (folder / 'seed0').mkdir()
    (folder / 'seed00').mkdir()
