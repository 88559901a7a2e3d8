"""What the list of allowed globals lets a file do: make numbers, and nothing else."""

import json
import os
import pickle
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import hostile_pickles as evil
import numpy as np
import pytest
import torch
from hostile_pickles import number, raw, text
from mmengine.logging import HistoryBuffer
from paths import ROOT
from torch import _weights_only_unpickler

POINTER = b'AAAAAAAA'
HISTORY = evil.name('mmengine.logging.history_buffer', 'HistoryBuffer')
GETATTR = evil.name('builtins', 'getattr')
FLOATS = evil.array(evil.dtype('f8'), [1], raw(bytes(8)))
FLAGS = evil.many(
    *(number(3), text('|'), b'N', b'N', b'N', number(-1), number(-1), number(63))
)
FIELDS = evil.many(
    *(number(3), text('|'), b'N', evil.many(text('a')), b'}', number(8), number(1)),
    number(16),
)


def history(log=FLOATS, counts=FLOATS, more=b''):
    state = (
        b'}('
        + text('_log_history')
        + log
        + text('_count_history')
        + counts
        + text('max_length')
        + number(9)
        + more
        + b'u'
    )
    return evil.build(HISTORY + b')\x81', state)


def twice(first, second):
    """An array that is filled, looked at by a tensor, and filled again."""
    kind, tensor_of = evil.dtype('f8'), '_rebuild_device_tensor_from_numpy'
    seen = evil.call(
        evil.name('torch._utils', tensor_of),
        b'h\x07',
        evil.name('torch', 'float64'),
        text('cpu'),
        b'\x89',
    )
    filled = evil.array(kind, [len(first) // 8], raw(first)) + b'q\x07'
    state = evil.many(
        number(1), evil.many(number(len(second) // 8)), kind, b'\x89', raw(second)
    )
    return evil.many(filled, seen, b'h\x07' + state + b'b')


HOSTILE = {
    # numpy.ndarray: objects at addresses that the file gives.
    'array of objects': evil.array(evil.dtype('O8', '|'), [1], raw(POINTER)),
    'array of objects, numpy 1': evil.array(
        evil.dtype('O8', '|'), [1], raw(POINTER), 'core'
    ),
    'array of objects by a call': evil.call(
        evil.ARRAY, evil.many(number(1)), text('O'), raw(POINTER)
    ),
    'new array of objects': evil.new(
        evil.ARRAY, evil.many(number(1)), text('O'), raw(POINTER)
    ),
    'array of records': evil.array(evil.dtype('V8', '|'), [1], raw(POINTER)),
    'array of texts': evil.array(evil.dtype('U2'), [1], raw(POINTER)),
    'array larger than its bytes': evil.array(evil.dtype('f8'), [99], raw(bytes(8))),
    'array of a negative side': evil.array(evil.dtype('f8'), [-1, -1], raw(bytes(8))),
    'array of endless sides': evil.array(evil.dtype('f8'), [2**62, 0, 2**62], raw(b'')),
    'array from a list': evil.array(evil.dtype('f8'), [1], b'](N' + b'e'),
    'array of a type that is none': evil.array(text('f8'), [1], raw(bytes(8))),
    'array by its shape': evil.call(evil.ARRAY, evil.many(number(1 << 40))),
    'new array by its shape': evil.new(evil.ARRAY, evil.many(number(1 << 40))),
    'array filled again': twice(bytes(1 << 20), bytes(8)),
    # numpy's _reconstruct
    'reconstructed tensor': evil.empty(kind=evil.name('torch', 'Tensor')),
    'reconstructed history': evil.empty(kind=HISTORY),
    'reconstructed large': evil.call(
        evil.name('numpy._core.multiarray', '_reconstruct'),
        evil.ARRAY,
        evil.many(number(1 << 40)),
        raw(b'b'),
    ),
    # numpy.dtype
    'type with flags': evil.array(evil.dtype('f8', state=FLAGS), [1], raw(POINTER)),
    'type with fields': evil.dtype('f8', state=FIELDS),
    'type by a list': evil.call(evil.DTYPE, b']' + text('f8') + b'a'),
    'type with a state that is none': evil.dtype('f8', state=b'N'),
    # numpy's scalar
    'object at an address': evil.scalar(evil.dtype('O8', '|'), raw(POINTER)),
    'number without enough bytes': evil.scalar(evil.dtype('f8'), raw(b'a')),
    'number from no bytes': evil.scalar(evil.dtype('f8'), b'N'),
    'text at an address': evil.scalar(evil.dtype('U2'), raw(POINTER)),
    # mmengine's HistoryBuffer
    'history by arguments': evil.call(HISTORY, b']', b']', number(1)),
    'history with a method': history(
        more=text('mean') + evil.name('collections', 'OrderedDict')
    ),
    'history with statistics': history(
        more=text('statistics_methods')
        + b'}('
        + text('worst')
        + evil.name('collections', 'OrderedDict')
        + b'u'
    ),
    'history of texts': history(log=text('abc')),
    'history of unlike lengths': history(
        counts=evil.array(evil.dtype('f8'), [2], raw(bytes(16)))
    ),
    'history without state': evil.build(HISTORY + b')\x81', b'N'),
    # bytes
    'bytes by their number': evil.call(evil.name('builtins', 'bytes'), number(1 << 31)),
    # getattr
    'attribute of what was read': evil.call(GETATTR, FLOATS, text('tofile')),
    'attribute of objects at an address': evil.call(
        GETATTR, evil.array(evil.dtype('O8', '|'), [1], raw(POINTER)), text('x')
    ),
    'attribute of the class': evil.call(GETATTR, HISTORY, text('__subclasses__')),
    'attribute without end': evil.call(GETATTR, HISTORY, text('a' * (1 << 20))),
}
HARMLESS = {
    f'{core} {order}': evil.many(
        evil.array(evil.dtype('f4', order), [1, 2], raw(bytes(8)), core),
        evil.scalar(evil.dtype('i8'), raw(bytes(8)), core),
        history(log=evil.array(evil.dtype('f8'), [1], raw(bytes(8)), core)),
    )
    for core in ('core', '_core')
    for order in '<>'
}
CHILD = """
import json, os, pickle, resource, sys
import mmaction_mer, torch
told = {}
for path in sys.argv[1:]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            value = torch.load(path, weights_only=True)
            # What a program does with what it has read.
            end = 'read ' + str(len(repr(value)))
            del value
        except pickle.UnpicklingError as error:
            end = 'refused ' + str(error)[-3000:]
        os.write(writer, end[:4000].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as words:
        text = words.read()
    told[os.path.basename(path)] = os.waitpid(child, 0)[1], text
print(json.dumps(told))
"""


@pytest.fixture(scope='module')
def ends(tmp_path_factory):
    """How each file ended, each in a process of its own: a crash is an end too."""
    folder = tmp_path_factory.mktemp('files')
    files = []
    for number_, (name, content) in enumerate({**HOSTILE, **HARMLESS}.items()):
        path = folder / f'{number_}.pth'
        files.append((name, str(evil.archive(path, content))))
    done = subprocess.run(
        [sys.executable, '-c', CHILD, *(path for _, path in files)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return {name: told[Path(path).name] for name, path in files}


@pytest.mark.parametrize('name', HOSTILE)
def test_what_is_no_number_is_refused_and_nothing_is_followed(ends, name):
    status, words = ends[name]
    assert status == 0, f'the process ended with {status}'
    assert words.startswith('refused')
    # No more of the file is repeated than a line.
    assert len(words) < 1500


@pytest.mark.parametrize('name', HARMLESS)
def test_numbers_of_numpy_1_and_2_are_read(ends, name):
    status, words = ends[name]
    assert status == 0 and words.startswith('read')


def test_values_come_back_as_they_were_saved(tmp_path):
    saved = {
        'fortran': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        'big-endian': np.arange(4, dtype='>i2'),
        'none': np.zeros((0, 3), np.float32),
        'point': np.array(2.5),
        'complex': np.complex64(1 + 2j),
        'half': np.float16(0.5),
        'true': np.bool_(True),
    }
    path = tmp_path / 'a.pth'
    for _ in range(2):  # what was read can be saved, and read again
        torch.save(saved, path)
        loaded = torch.load(path, weights_only=True)
        for name, value in saved.items():
            np.testing.assert_array_equal(loaded[name], value)
            # As numpy does, in the machine's own order of bytes.
            assert loaded[name].dtype == value.dtype.newbyteorder('=')
        saved = loaded


def test_a_history_goes_on_as_mmengines_own(tmp_path):
    path = tmp_path / 'a.pth'
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    for _ in range(2):
        torch.save(history, path)
        history = torch.load(path, weights_only=True)
        assert type(history) is HistoryBuffer
        assert type(history.data[0]) is np.ndarray
        assert history.statistics('mean') == 2
    history.update(5.0)
    assert history.max() == 5


def test_a_file_adds_no_statistic_to_the_buffers_of_this_process(tmp_path):
    before = dict(HistoryBuffer._statistics_methods)
    path = evil.archive(tmp_path / 'a.pth', HOSTILE['history with statistics'])
    with pytest.raises(Exception, match='statistics'):
        torch.load(path, weights_only=True)
    assert HistoryBuffer._statistics_methods == before


OWN = {
    'type': np.dtype, 'class': np.ndarray, 'array': np.ones(1).__reduce__()[0],
    'scalar': np.float64(1).__reduce__()[0],
}  # fmt: skip


@pytest.mark.parametrize('chance', [dict.fromkeys(OWN, 0), dict.fromkeys(OWN, 1), *(
    {name: name == one for name in OWN} for one in OWN
), *({name: name != one for name in OWN} for one in OWN)])  # fmt: skip
def test_what_a_user_has_allowed_besides_stays_allowed(tmp_path, monkeypatch, chance):
    """Of two that are allowed under one name torch finds either, from run to run."""
    saved = {'a': np.float64(3), 'b': np.ones(2), 'c': np.array(['x', None])}
    torch.save(saved, tmp_path / 'a.pth')
    kinds = [np.dtypes.Float64DType, np.dtypes.ObjectDType]
    first = {one for name, one in OWN.items() if chance[name]}
    found = _weights_only_unpickler._get_user_allowed_globals

    def find():
        allowed = found()
        for one in torch.serialization.get_safe_globals():
            stands_in = isinstance(one, tuple)
            name = one[1] if stands_in else f'{one.__module__}.{one.__qualname__}'
            if stands_in != any(name == _name(own) for own in first):
                allowed[name] = one[0] if stands_in else one
        return allowed

    monkeypatch.setattr(_weights_only_unpickler, '_get_user_allowed_globals', find)
    with torch.serialization.safe_globals([getattr, *OWN.values(), *kinds]):
        loaded = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert loaded['a'] == 3 and loaded['b'].tolist() == [1, 1]
    assert loaded['c'].tolist() == ['x', None]


class Calls:
    """Pickles as a call of ``function`` with ``args``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


TRAINED = dict(
    log=HistoryBuffer([1.0, 3.0], [1, 1]), lr=np.float64(3), ids=np.arange(2), none=b''
)
NUMPY_1 = (OWN['array'], 'numpy.core.multiarray._reconstruct')
ALLOWED = {
    'getattr': ([getattr], Calls(getattr, torch.Tensor, 'dim'), torch.Tensor.dim),
    'getattr by name': (
        [(getattr, 'builtins.getattr')], Calls(getattr, torch.Tensor, 'no', 3), 3
    ),
    'type': ([np.dtype], None, None),
    'class': ([np.ndarray], None, None),
    'array': ([OWN['array']], None, None),
    'array of numpy 1': ([NUMPY_1], None, None),
    'scalar': ([OWN['scalar']], None, None),
    'half of numpy': ([np.dtype, OWN['scalar']], None, None),
    'one type': ([np.dtype, np.dtypes.Float64DType], None, None),
    'history': (
        [HistoryBuffer], Calls(HistoryBuffer, [2.0], [1]), HistoryBuffer([2.0], [1])
    ),
    'bytes': ([bytes], Calls(bytes, [1, 2]), b'\1\2'),
    'options': ([Namespace], Namespace(a=1), Namespace(a=1)),
    'path': ([type(Path())], Path('a'), Path('a')),
}  # fmt: skip


@pytest.mark.parametrize('first', ['ours', 'the user'])
@pytest.mark.parametrize('name', ALLOWED)
def test_what_a_user_allows_works_in_every_start(tmp_path, monkeypatch, name, first):
    """Torch keeps what is allowed in a set, whose order differs from start to start.

    The kind: each name that the package allows too (``getattr``, numpy's, mmengine's,
    ``bytes``), allowed by the user alone or with others, as itself or by its name, as
    the first or as the last in the order of that set.
    """
    own, value, expected = ALLOWED[name]
    torch.save(dict(TRAINED, value=value), tmp_path / 'a.pth')
    ours = torch.serialization.get_safe_globals()
    # A list in place of the set: the last of two under one name is the one that counts.
    order = [*own, *ours] if first == 'the user' else [*ours, *own]
    monkeypatch.setattr(_weights_only_unpickler, '_marked_safe_globals_set', order)
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert type(loaded['log']) is HistoryBuffer and loaded['log'].mean() == 2
    assert loaded['lr'] == 3 and loaded['ids'].tolist() == [0, 1]
    assert loaded['none'] == b''
    if isinstance(expected, HistoryBuffer):
        assert loaded['value'].data[0].tolist() == expected.data[0].tolist()
    else:
        assert loaded['value'] == expected


def test_a_user_who_clears_the_list_has_cleared_it(tmp_path, monkeypatch):
    monkeypatch.setattr(_weights_only_unpickler, '_marked_safe_globals_set', set())
    torch.save(TRAINED, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth', weights_only=True)


def _name(own):
    return f'{own.__module__}.{own.__qualname__}'
