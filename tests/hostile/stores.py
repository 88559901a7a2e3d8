"""Stores of clips whose files say other things than what was written."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import header, npy
from .case import Corpus
from .planting import planted_calls
from .special import write_special


def write(corpus: Corpus, sound: Path) -> None:
    """Write the family.

    Args:
        corpus: Where to.
        sound: A store that a program wrote.
    """
    index = json.loads((sound / 'index.json').read_text())
    key = min(index['clips'].values())
    record = json.loads((sound / f'{key}.json').read_text())
    names = {'index': 'index.json', 'record': f'{key}.json', 'frames': f'{key}.npy'}

    def new(what: str, plants: str, file: str) -> Path:
        folder = corpus.new(f'stores/{what}', 'store', 'store', plants)
        folder.mkdir()
        return folder / names[file]

    def changed(what: str, plants: str, file: str, **values: Any) -> None:
        content = {'index': index, 'record': record}[file] | values
        new(what, plants, file).write_text(json.dumps(content))

    def field(what: str, plants: str, **values: Any) -> None:
        changed(f'field-{what}', plants, 'record', fields=record['fields'] | values)

    field('label', 'other results', label=2)
    field('subject', 'other results', subject='s9', clip='c9')
    field('pictures', 'other results', imgs=[1, 2])
    field('shape', 'memory', img_shape=[10**6, 10**6])
    field('inputs', 'other results', data_samples='x', modality='Flow')
    field('more', 'other results', gt_label=2, keypoint=[1])
    field('rate', 'wrong types', fps=1e308)
    field('nested', 'recursion', frame_inds=[[[[1]]]])
    field('large', 'wrong types', frame_inds=[10**400])
    field('object', 'wrong types', frame_inds={'dtype': 'O'})
    field('text', 'wrong types', scale_factor='12', keep_ratio=[1])
    first = dict.fromkeys(index['clips'], key)
    changed('keys-other', 'other results', 'index', clips=first)
    outside = dict.fromkeys(first, '../../secret')
    changed('keys-outside', 'another file', 'index', clips=outside)
    changed('keys-list', 'wrong types', 'index', clips=[key])
    changed('keys-number', 'wrong types', 'index', clips=dict.fromkeys(first, 5))
    changed('pipeline-long', 'a long message', 'index', pipeline=['x' * 5_000_000])
    changed('pipeline-number', 'wrong types', 'index', pipeline=5)
    changed('format-long', 'a long message', 'index', format='x' * 5_000_000)
    facts = record['facts'] | {'filename_tmpl': 'x' * 5_000_000}
    changed('facts-long', 'a long message', 'record', facts=facts)
    named = record['facts'] | {'x' * 1_000_000: 1}
    changed('facts-named', 'a long message', 'record', facts=named)
    changed('facts-null', 'wrong types', 'record', facts=None)
    changed('state-wrong', 'wrong types', 'record', state=[1], content={})
    for file in ('index', 'record'):
        new(f'{file}-list', 'wrong types', file).write_text('[1]')
        new(f'{file}-deep', 'recursion', file).write_text('[' * 100_000)
    name = 'stores/object'
    call = planted_calls(corpus.marker(name))['os-system']
    with open(new('object', 'a call', 'frames'), 'wb') as opened:
        np.save(opened, np.array([call], dtype=object), allow_pickle=True)
    shape = np.load(sound / names['frames'], allow_pickle=False).shape
    code = f"__import__('os').system('touch {corpus.marker('stores/code')}')"
    for what, data in {
        'code': header(code),
        'giant': npy((10**15,)),
        'floats': npy(shape, '<f8'),
        'header-long': header(' ' * 5_000_000 + '{}', (2, 0)),
        'zip': b'PK\x03\x04',
        'cut': npy(shape),
    }.items():
        # As large as the frames, which is looked at first; one is not.
        size = 0 if what == 'cut' else int(np.prod(shape)) + 128
        path = new(f'frames-{what}', 'memory, wrong types', 'frames')
        path.write_bytes(data.ljust(size, b'\0'))
    for file in names:
        for what in ('fifo', 'socket', 'endless', 'sparse', 'outside', 'folder'):
            path = new(f'{file}-{what}', 'waits or has no end', file)
            write_special(path, what, corpus.secret(f'stores/{file}-{what}'))
