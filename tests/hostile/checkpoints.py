"""Files of weights: planted calls in each format of torch.save, and bombs."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .bulk import write_zip
from .case import Corpus
from .planting import Call, crowd, planted_calls, pointers

KINDS = ('weights', 'pickle')


def write(corpus: Corpus) -> None:
    """Write the family."""
    _planted(corpus)
    _formats(corpus)
    _memory(corpus)
    _shapes(corpus)


def checkpoint(**more: Any) -> dict[str, Any]:
    """What a checkpoint looks like from outside."""
    state = OrderedDict({'head.weight': torch.zeros(3, 16)})
    return {'meta': {'iter': 1, 'seed': 0}, 'state_dict': state, **more}


def _planted(corpus: Corpus) -> None:
    for number, name in enumerate(planted_calls('')):
        full = f'weights/{name}'
        call = planted_calls(corpus.marker(full))[name]
        # The call is where a reader starts, or where no reader looks.
        content = checkpoint()
        if number % 3 == 0:
            content['meta'] = call
        elif number % 3 == 1:
            content['state_dict']['head.bias'] = call
        else:
            content['optimizer'] = [call]
        path = corpus.new(full, 'model.pth', KINDS, 'a call')
        torch.save(content, path)


def _formats(corpus: Corpus) -> None:
    def planted(what: str, file: str) -> tuple[Path, Any]:
        full = f'weights/{what}'
        path = corpus.new(full, file, KINDS, 'a call')
        return path, planted_calls(corpus.marker(full))['os-system']

    path, call = planted('legacy', 'model.pth')
    content = checkpoint(optimizer=call)
    torch.save(content, path, _use_new_zipfile_serialization=False)
    for name in ('model.pth', 'model.pkl', 'model.bin'):
        path, call = planted(f'plain-{name[6:]}', name)
        path.write_bytes(pickle.dumps(checkpoint(optimizer=call)))
    path, call = planted('protocol-0', 'model.pth')
    path.write_bytes(pickle.dumps(dict(state_dict=call), protocol=0))
    path, call = planted('magic-then-call', 'model.pth')
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    path.write_bytes(magic + pickle.dumps(call, protocol=2))
    path, call = planted('tar', 'model.pth')
    with tarfile.open(path, 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            data = pickle.dumps(call, protocol=2)
            told = tarfile.TarInfo(name)
            told.size = len(data)
            archive.addfile(told, io.BytesIO(data))
    path, call = planted('script', 'model.pth')
    with zipfile.ZipFile(path, 'w') as archive:
        for name in ('data.pkl', 'constants.pkl'):
            archive.writestr(f'model/{name}', pickle.dumps(call, protocol=2))
        archive.writestr('model/version', '3\n')
        archive.writestr('model/code/__torch__.py', 'import os\n')
    path, call = planted('two-pickles', 'model.pth')
    torch.save(checkpoint(), path)
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr('model/data.pkl', pickle.dumps(call, protocol=2))
    path, call = planted('named-safetensors', 'model.safetensors')
    path.write_bytes(pickle.dumps(call, protocol=2))
    path, call = planted('named-npz', 'model.npz')
    path.write_bytes(pickle.dumps(call, protocol=2))
    path = corpus.new('weights/escaping-members', 'model.pth', KINDS, 'another path')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('../../escaped/data.pkl', pickle.dumps({}, protocol=2))
        archive.writestr('../../escaped/version', '3\n')


def _memory(corpus: Corpus) -> None:
    """What points elsewhere in the memory, or asks for a lot of it."""

    def new(what: str, plants: str, file: str = 'model.pth') -> Path:
        return corpus.new(f'weights/{what}', file, KINDS, plants)

    torch.save(checkpoint(buffer=pointers()), new('pointers', 'pointers'))
    for how in ('built', 'inside', 'stripped'):
        found = checkpoint(buffer=pointers(how=how))
        torch.save(found, new(f'pointers-{how}', 'pointers'))
    meta = checkpoint(meta={'fold': pointers(), 'held_out': pointers()})
    torch.save(meta, new('pointers-in-meta', 'pointers'))
    state = {'head.weight': Call(np.ndarray, (2**40,), 'u1')}
    torch.save(checkpoint(state_dict=state), new('array-terabyte', 'memory'))
    state = {'head.weight': Call(np.ndarray, (3 * 10**9,), 'u1')}
    torch.save(checkpoint(state_dict=state), new('array-gigabytes', 'memory'))
    strided = Call(np.ndarray, (2,), 'u8', b'A' * 8, 0, (2**40,))
    torch.save(checkpoint(meta=strided), new('array-strides', 'pointers'))
    # Numbers that are far more than what is stored of them.
    for what, size in (
        ('expanded', (20_000, 20_000)),
        ('expanded-far', (10**7, 10**7)),
    ):
        state = {'head.weight': torch.zeros(1).expand(size)}
        torch.save(checkpoint(state_dict=state), new(what, 'memory when it is copied'))
    for what, view in (
        ('strides-outside', (0, (4,), (10**9,))),
        ('offset-outside', (10**9, (4,), (1,))),
        ('offset-negative', (-8, (4,), (1,))),
        ('size-negative', (0, (-1, 4), (1, 1))),
        ('size-giant', (0, (2**62, 4), (4, 1))),
    ):
        forged = _View(torch.zeros(4), *view)
        torch.save(checkpoint(state_dict={'head.weight': forged}), new(what, 'memory'))
    path = new('storage-declared', 'memory')
    torch.save(checkpoint(), path)
    _declare(path, 25 * 10**9)
    whole = io.BytesIO()
    torch.save(checkpoint(), whole)
    with zipfile.ZipFile(whole) as archive:
        kept = {one: archive.read(one) for one in archive.namelist()}
    top = next(iter(kept)).partition('/')[0]
    members = {one: (data, 0) for one, data in kept.items()}
    members[f'{top}/data/0'] = (b'', 3 * 10**9)
    # Not for torch.load itself, which unpacks any archive.
    path = corpus.new('weights/storage-unpacks', 'model.pth', 'weights', 'memory')
    write_zip(path, members)
    members = {one: (data, 0) for one, data in kept.items()}
    members[f'{top}/data.pkl'] = (kept[f'{top}/data.pkl'], 3 * 10**9)
    path = corpus.new('weights/pickle-unpacks', 'model.pth', 'weights', 'memory')
    write_zip(path, members)
    # Opcodes that ask for memory themselves.
    proto = b'\x80\x02'
    path = new('long-string-declared', 'memory')
    path.write_bytes(proto + b'X' + struct.pack('<I', 2**32 - 1) + b'a')
    path = new('memo-far', 'memory')
    path.write_bytes(proto + b'Nr' + struct.pack('<I', 2**31) + b'.')
    path = corpus.new('weights/bytearray', 'model.pth', 'weights', 'memory')
    torch.save(checkpoint(meta=Call(bytearray, 3 * 10**9)), path)
    path = new('safetensors-header', 'memory', 'model.safetensors')
    path.write_bytes(struct.pack('<Q', 2**40) + b'{}')
    path = new('safetensors-deep', 'recursion', 'model.safetensors')
    header = b'[' * 200_000
    path.write_bytes(struct.pack('<Q', len(header)) + header)


class _View:
    """A tensor whose size and strides are not those of its storage."""

    def __init__(self, tensor: Tensor, offset: int, size: Any, stride: Any) -> None:
        self.parts = (tensor.untyped_storage(), offset, size, stride)

    def __reduce__(self) -> tuple:
        storage, offset, size, stride = self.parts
        typed = torch.storage.TypedStorage(
            wrap_storage=storage, dtype=torch.float32, _internal=True
        )
        arguments = (typed, offset, size, stride, False, OrderedDict())
        return torch._utils._rebuild_tensor_v2, arguments


def _declare(path: Path, count: int) -> None:
    """Let a checkpoint say that its storage has so many numbers."""
    with zipfile.ZipFile(path) as archive:
        kept = {one: archive.read(one) for one in archive.namelist()}
    name = next(one for one in kept if one.endswith('/data.pkl'))
    # 48 numbers, as a byte behind the name of the device.
    old = b'X\x03\x00\x00\x00cpuq'
    place = kept[name].index(old) + len(old) + 1
    assert kept[name][place : place + 2] == b'K\x30'
    long = b'\x8a\x08' + struct.pack('<q', count)
    kept[name] = kept[name][:place] + long + kept[name][place + 2 :]
    with zipfile.ZipFile(path, 'w') as archive:
        for one, data in kept.items():
            archive.writestr(one, data)


def _shapes(corpus: Corpus) -> None:
    """Structures that a walk through them does not survive, and wrong types."""

    def save(what: str, content: Any, plants: str = 'wrong types') -> None:
        torch.save(content, corpus.new(f'weights/{what}', 'model.pth', KINDS, plants))

    save('crowd', checkpoint(meta={'fold': crowd()}), 'endless walk')
    crowded = {'meta': {}, 'state_dict': {'a': crowd(), 'head.weight': crowd()}}
    save('crowd-state', crowded, 'endless walk')
    ring: dict[str, Any] = {}
    ring['state_dict'] = ring['model'] = ring['meta'] = ring
    save('ring', ring, 'endless walk')
    path = corpus.new('weights/tower', 'model.pth', KINDS, 'recursion')
    depth = 100_000
    raw = b'\x80\x02' + b']' * depth + b'a' * (depth - 1) + b'.'
    named = b'\x80\x02}X\x0a\x00\x00\x00state_dict' + raw[2:-1] + b's.'
    whole = io.BytesIO()
    torch.save({}, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, 'w') as out:
        for one in archive.namelist():
            data = named if one.endswith('data.pkl') else archive.read(one)
            out.writestr(one, data)
    for what, content in {
        'number': 5,
        'list': [1, 2],
        'tensor': torch.zeros(3),
        'nothing': None,
        'empty': {},
        'meta-list': {'meta': [1], 'state_dict': {}},
        'state-number': {'meta': {}, 'state_dict': 7},
        'state-list': {'meta': {}, 'state_dict': [1, 2]},
        'keys-numbers': {'meta': {}, 'state_dict': {1: torch.zeros(2), None: 3}},
        'values-text': {
            'meta': {},
            'state_dict': {'head.weight': 'x', 'head.bias': []},
        },
        'meta-wrong': {
            'meta': {'fold': ['a'], 'held_out': 5, 'dataset_meta': 7, 'iter': 'x'},
            'state_dict': {'head.weight': torch.zeros(3, 16)},
        },
        'classes-wrong': {
            'meta': {'fold': 'a', 'dataset_meta': {'classes': [[1], {}], 'dataset': 5}},
            'state_dict': {'head.weight': torch.zeros(3, 16)},
        },
        'sparse-tensor': {
            'state_dict': {'head.weight': torch.zeros(3, 16).to_sparse()}
        },
        'complex': {'state_dict': {'head.weight': torch.zeros(3, 16) * 1j}},
        'nan': {'state_dict': {'head.weight': torch.full((3, 16), float('nan'))}},
        'quantized': {
            'state_dict': {
                'head.weight': torch.quantize_per_tensor(
                    torch.zeros(3, 16), 0.1, 0, torch.qint8
                )
            }
        },
        'meta-tensor': {
            'state_dict': {'head.weight': torch.zeros(3, 16, device='meta')}
        },
        'long-names': {
            'meta': {'fold': 'x' * 3_000_000},
            'state_dict': {'y' * 3_000_000: 1},
        },
        'markup': {
            'meta': {'fold': '<img src=x onerror=planted>\x1b[31mPLANTED'},
            'state_dict': {'\x1b[31mPLANTED': torch.zeros(2)},
        },
    }.items():
        save(what, content)
    for what, data in {
        'zero-bytes': b'',
        'text': b'not a checkpoint\n',
        'half': b'PK\x03\x04' + bytes(100),
        'pickle-stop': b'\x80\x02.',
        'pickle-underflow': b'\x80\x02aaa.',
        'pickle-protocol-255': b'\x80\xff.',
    }.items():
        path = corpus.new(f'weights/{what}', 'model.pth', KINDS, 'damage')
        path.write_bytes(data)
