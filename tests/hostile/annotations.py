"""Annotation files: escapes, addresses, code, and far too much of everything."""

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .case import Corpus

CLASSES = ['negative', 'positive', 'surprise']


def sound(clips: int = 4, dataset: str = 'toy') -> dict[str, Any]:
    """An annotation that fits the sound frames, see ``sound.py``."""
    rows = [
        {
            'dataset': dataset, 'subject': f's{number + 1}', 'clip': f'c{number}',
            'frame_dir': f'c{number}', 'filename_tmpl': 'img{}.png', 'onset': 1,
            'apex': 3, 'offset': 6, 'fps': 100.0, 'label': number % 3,
            'emotion': 'joy', 'aus': ['4'],
        }
        for number in range(clips)
    ]  # fmt: skip
    told = {'dataset': dataset, 'classes': list(CLASSES), 'format': 1,
            'labels': '3class'}  # fmt: skip
    return {'metainfo': told, 'data_list': rows}


def write(corpus: Corpus) -> None:
    """Write the family."""

    def new(what: str, plants: str) -> Path:
        return corpus.new(
            f'annotations/{what}', 'annotations.json', 'annotation', plants
        )

    def changed(what: str, plants: str, change: Callable[[dict], Any]) -> None:
        content = copy.deepcopy(sound())
        change(content)
        new(what, plants).write_text(json.dumps(content))

    def row(what: str, plants: str, **fields: Any) -> None:
        changed(what, plants, lambda content: content['data_list'][0].update(fields))

    _paths(corpus, row)
    _types(row, changed)
    long = 'x' * 5_000_000
    for field in ('clip', 'frame_dir', 'emotion', 'filename_tmpl', 'more'):
        much = long * 12 if field == 'clip' else long
        row(f'long-{field}', 'memory, a long message', **{field: much})
    changed('long-class', 'memory, a long message',
            lambda one: one['metainfo'].update(classes=[long, 'b', 'c']))  # fmt: skip
    changed('long-labels', 'memory, a long message',
            lambda one: one['metainfo'].update(labels=long))  # fmt: skip
    changed('long-key', 'memory, a long message',
            lambda one: one['data_list'][0].update({long: 1}))  # fmt: skip
    row('deep-more', 'recursion', more='DEEP')
    path = corpus.root / corpus.cases[-1].path
    deep = '[' * 900 + ']' * 900
    path.write_text(path.read_text().replace('"DEEP"', deep))
    new('deep', 'recursion').write_text('[' * 100_000 + ']' * 100_000)
    new('deep-object', 'recursion').write_text('{"a":' * 100_000)
    text = json.dumps(sound())
    new('deep-inside', 'recursion').write_text(
        text.replace('"joy"', '[' * 100_000 + ']' * 100_000)
    )
    changed('many-problems', 'a long message',
            lambda one: one.update(data_list=[{}] * 100_000))  # fmt: skip
    changed('many-classes', 'memory, a long message',
            lambda one: one['metainfo'].update(
                classes=[f'k{n}' for n in range(300_000)]))  # fmt: skip
    changed('many-keys', 'memory',
            lambda one: one['data_list'][0].update(
                {f'k{n}': n for n in range(300_000)}))  # fmt: skip
    changed('many-aus', 'memory',
            lambda one: one['data_list'][0].update(aus=['4'] * 300_000))  # fmt: skip
    for what, value in {
        'giant-integer': '1' * 4000, 'refused-integer': '1' * 100_000,
        'giant-float': '1e999', 'nan': 'NaN', 'minus-infinity': '-Infinity',
    }.items():  # fmt: skip
        for field in ('"fps": 100.0', '"onset": 1', '"label": 0'):
            name = field.split('"')[1]
            written = f'"{name}": {value}'
            new(f'{what}-{name}', 'wrong types').write_text(
                text.replace(field, written)
            )
    new('twice', 'wrong types').write_text(
        text.replace('"label": 0', '"label": 0, "label": 2')
    )
    new('utf-16', 'damage').write_bytes(text.encode('utf-16'))
    new('gzip', 'memory').write_bytes(gzip.compress(text.encode()))
    new('binary', 'damage').write_bytes(bytes(range(256)) * 10)
    new('half', 'damage').write_text(text[: len(text) // 2])
    new('empty', 'damage').write_text('')
    new('null', 'wrong types').write_text('null')
    new('html', 'markup').write_text('<html><script>planted</script></html>')


def _paths(corpus: Corpus, row: Callable[..., None]) -> None:
    """Paths that lead out, and addresses in place of them."""
    secret = corpus.secret('annotations/paths')
    for what, path in {
        'dots': '../../../secrets', 'absolute': str(Path(secret).parent),
        'home': '~root', 'percent': '%2e%2e/secrets', 'nul': 'c0\0x',
        'long': 'd' * 255 + '/' + 'e' * 4000, 'long-name': 'd' * 300,
        'address': corpus.url('annotations/address'), 'surrogate': '\ud800',
        'device': '/dev/zero', 'proc': '/proc/self/fd/0', 'glob': '*',
        'file-scheme': f'file://{secret}',
    }.items():  # fmt: skip
        row(f'path-{what}', 'another file', frame_dir=path)
    for what, video in {
        'http': corpus.url('annotations/video-http'),
        'concat': f'concat:{secret}', 'subfile': f'subfile,,start,0,end,9,,:{secret}',
        'pipe': 'pipe:0', 'data': 'data:text/plain,x', 'file': f'file:{secret}',
        'device': '/dev/zero', 'dots': f'../secrets/{Path(secret).name}',
        'lavfi': 'lavfi:testsrc', 'long-name': 'd' * 300 + '.mp4',
    }.items():  # fmt: skip
        row(f'video-{what}', 'another file, a call to an address', video=video)
    for what, template in {
        'attributes': '{0.__class__}.png', 'padding': 'img{:0999999999d}.png',
        'folder': '../{}.png', 'many': '{}{}{}.png', 'pattern': '(a+)+{}.png',
        'conversion': '{!r}.png', 'nested': '{:{}}.png', 'nul': 'img{}\0.png',
        'long': 'y' * 300 + '{}.png',
    }.items():  # fmt: skip
        row(f'template-{what}', 'memory, another file', filename_tmpl=template)
    for what, name in {
        'markup': '<img src=x onerror=planted>', 'escape': '\x1b[31mPLANTED',
        'dots': '..', 'newline': 'a\nb', 'right-to-left': 'a\u202eb',
        'drive': 'C:', 'percent': '%s%n%x', 'braces': '{0.__init__}',
        'dollar': '$(touch x)', 'formula': "=cmd|' /C calc'!A0", 'tex': r'\input{x}',
    }.items():  # fmt: skip
        row(f'name-{what}', 'markup', clip=name, subject=name, emotion=name)


def _types(row: Callable[..., None], changed: Callable[..., None]) -> None:
    """Values of other types than they should have."""
    wrong = {'list': [1], 'object': {'py/object': 'os.system', 'py/reduce': ['x']},
             'null': None, 'truth': True, 'text': 'x',
             'negative': -(2**63)}  # fmt: skip
    fields = ('dataset', 'subject', 'clip', 'frame_dir', 'filename_tmpl', 'onset',
              'apex', 'offset', 'fps', 'label', 'emotion', 'aus', 'video')  # fmt: skip
    for number, field in enumerate(fields):
        for place, (what, value) in enumerate(wrong.items()):
            if (number + place) % 3 == 0:
                row(f'type-{field}-{what}', 'wrong types', **{field: value})
    row('span-giant', 'memory', onset=-(2**31), offset=2**31 - 1)
    row('span-large', 'memory', onset=1, offset=99_999)
    row(
        'py-object', 'a call', more={'py/object': 'subprocess.Popen', 'py/args': ['id']}
    )
    row('yaml-tag', 'a call', emotion='!!python/object/apply:os.system ["id"]')
    row('registry', 'a call', type='mmengine.call_command', cmd=['id'],
        imgs=['x'], frame_inds=[0], data_samples='x')  # fmt: skip
    row('overrides', 'other results', gt_label=2, modality='Flow', total_frames=10**12,
        keypoint=[1], start_index=5)  # fmt: skip
    for what, value in {'number': 5, 'list': ['a'], 'null': None, 'text': 'x'}.items():
        changed(
            f'metainfo-{what}',
            'wrong types',
            lambda one, v=value: one.update(metainfo=v),
        )
        changed(
            f'rows-{what}', 'wrong types', lambda one, v=value: one.update(data_list=v)
        )
        for field in ('classes', 'labels', 'dataset', 'format', 'subjects_known'):
            changed(
                f'{field}-{what}',
                'wrong types',
                lambda one, v=value, f=field: one['metainfo'].update({f: v}),
            )
