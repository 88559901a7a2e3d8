"""Stores of clips whose files say other things than what was written."""

import copy
import json
from collections.abc import Callable
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

    def new(what: str, plants: str, file: str) -> Path:
        folder = corpus.new(f'stores/{what}', 'store', 'store', plants)
        folder.mkdir()
        return folder / file

    def changed(what: str, plants: str, change: Callable[[Any], Any]) -> None:
        content = copy.deepcopy(index)
        content = change(content) or content
        new(what, plants, 'index.json').write_text(json.dumps(content))

    def rest(what: str, plants: str, value: Any) -> None:
        def change(content: Any) -> None:
            for clip in content['clips']:
                clip['rest']['dict'].update(value)

        changed(f'rest-{what}', plants, change)

    rest('label', 'other results', {'label': 2})
    rest('subject', 'other results', {'subject': 's9', 'clip': 'c9'})
    rest('pictures', 'other results', {'imgs': [1, 2]})
    rest('shape', 'memory', {'img_shape': {'tuple': [10**6, 10**6]}})
    rest('inputs', 'other results', {'data_samples': 'x', 'modality': 'Flow'})
    rest('more', 'other results', {'gt_label': 2, 'keypoint': [1]})
    rest('rate', 'wrong types', {'fps': 1e308})
    rest('numbers', 'memory', {'frame_inds': {'array': [0], 'dtype': '<i8',
                                              'shape': [1, 10**12]}})  # fmt: skip
    rest('empty-giant', 'memory', {'frame_inds': {'array': [], 'dtype': '<i8',
                                                  'shape': [0, 10**15]}})  # fmt: skip
    rest('type-long', 'memory', {'a': {'number': 1, 'dtype': '<f' + '9' * 1000}})
    rest('type-object', 'a call', {'a': {'array': [0], 'dtype': '|O', 'shape': [1]}})
    rest('type-list', 'wrong types', {'a': {'number': [1], 'dtype': '<i4'}})
    first = [clip | {'place': 0} for clip in index['clips']]
    changed('place-other', 'other results', lambda one: one.update(clips=first))
    changed('shape-giant', 'memory', lambda one: one.update(shape=[4, 10**9, 8, 8, 3]))
    changed('shape-wrong', 'wrong types', lambda one: one.update(shape='abcd'))
    changed('pipeline-long', 'a long message',
            lambda one: one.update(pipeline=['x' * 5_000_000]))  # fmt: skip
    changed('pipeline-number', 'wrong types', lambda one: one.update(pipeline=5))
    changed(
        'format-long', 'a long message', lambda one: one.update(format='x' * 5_000_000)
    )
    changed('facts-long', 'a long message', lambda one: one['clips'][0]['facts'].update(
        filename_tmpl='x' * 5_000_000))  # fmt: skip
    changed('facts-null', 'wrong types', lambda one: one['clips'][0].update(facts=None))
    changed('sources-wrong', 'wrong types', lambda one: one['clips'][0].update(
        sources={'names': [1], 'times': {}, 'content': 5}))  # fmt: skip
    changed('list', 'wrong types', lambda one: [one])
    changed('clips-object', 'wrong types', lambda one: one.update(clips={'a': 1}))
    new('deep', 'recursion', 'index.json').write_text('[' * 100_000)
    text = json.dumps(index)
    deep = text.replace('"rest": {"dict": {', '"rest": {"dict": {"a": ' + '[' * 500
                        + ']' * 500 + ', ', 1)  # fmt: skip
    new('deep-rest', 'recursion', 'index.json').write_text(deep)
    name = 'stores/object'
    call = planted_calls(corpus.marker(name))['os-system']
    path = new('object', 'a call', 'clips.npy')
    np.save(path, np.array([call], dtype=object), allow_pickle=True)
    if not path.exists():
        path.with_name('clips.npy.npy').rename(path)
    shape = tuple(index['shape'])
    code = f"__import__('os').system('touch {corpus.marker('stores/code')}')"
    for what, data in {
        'code': header(code),
        'giant': npy((10**6, *shape[1:])),
        'floats': npy(shape, '<f8') + bytes(8 * int(np.prod(shape))),
        'header-long': header(' ' * 5_000_000 + '{}', (2, 0)),
        'cut': npy(shape) + bytes(100),
        'zip': b'PK\x03\x04' + bytes(100),
        'empty': b'',
    }.items():
        new(f'pixels-{what}', 'memory, wrong types', 'clips.npy').write_bytes(data)
    for file in ('index.json', 'clips.npy'):
        for what in ('fifo', 'socket', 'endless', 'sparse', 'outside', 'folder'):
            stem = file.partition('.')[0]
            path = new(f'{stem}-{what}', 'waits or has no end', file)
            write_special(path, what, corpus.secret(f'stores/{stem}-{what}'))
    _journals(corpus, index)


def _journals(corpus: Corpus, index: dict[str, Any]) -> None:
    """What a killed run seems to have left."""

    def new(what: str, plants: str) -> Path:
        folder = corpus.new(f'stores/journal-{what}', 'partial', 'journal', plants)
        folder.mkdir()
        return folder / 'journal.jsonl'

    # PLAN is put right by the entry, so that the journal is believed.
    shape = index['shape']
    line = json.dumps(index['clips'][0] | {'place': -1})
    for what, lines in {
        'shape-giant': [{'plan': 'PLAN', 'shape': [10**9] * 5}],
        'shape-text': [{'plan': 'PLAN', 'shape': 'abc'}],
        'list': [[1, 2]],
        'place': [{'plan': 'PLAN', 'shape': shape}, json.loads(line)],
        'clip-wrong': [{'plan': 'PLAN', 'shape': shape}, {'place': 'x'}, 5, None],
    }.items():
        new(what, 'other results').write_text(
            ''.join(json.dumps(one) + '\n' for one in lines)
        )
    new('deep', 'recursion').write_text('[' * 100_000 + '\n')
    new('long', 'memory').write_text('{"plan": "' + 'x' * 5_000_000 + '"}\n')
    for what in ('fifo', 'endless', 'sparse'):
        write_special(new(what, 'waits or has no end'), what, '')
    path = new('folder', 'damage')
    path.mkdir()
