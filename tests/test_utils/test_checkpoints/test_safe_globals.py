"""The allowed globals let a file create numbers and nothing else."""

import pickle
from argparse import Namespace
from pathlib import Path

import hostile_pickles as evil
import numpy as np
import pytest
import torch
from hostile_pickles import number, raw, text
from isolated_reads import read_isolated
from mmengine.logging import HistoryBuffer
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
    state = [text('_log_history'), log, text('_count_history'), counts]
    state = b''.join([b'}(', *state, text('max_length'), number(9), more, b'u'])
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
    'array of dates': evil.array(evil.dtype('M8'), [1], raw(POINTER)),
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
    'method of the class': evil.call(GETATTR, HISTORY, text('update')),
    'statistic with a default': evil.call(GETATTR, HISTORY, text('mean'), number(0)),
    'attribute of a tensor': evil.call(
        GETATTR, evil.name('torch', 'Tensor'), text('mean')
    ),
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


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp('files')
    files = {
        name: evil.archive(folder / f'{index}.pth', content)
        for index, (name, content) in enumerate({**HOSTILE, **HARMLESS}.items())
    }
    return read_isolated(files, 'torch.load')


@pytest.mark.parametrize('name', [*HOSTILE, *HARMLESS])
def test_numbers_are_read_and_anything_else_is_rejected(results, name):
    status, message, *_ = results[name]
    assert status == 0, f'the process ended with {status}'
    assert message.startswith('rejected' if name in HOSTILE else 'read')
    assert len(message) < 1500


def test_values_are_read_as_they_were_saved(tmp_path):
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


def test_a_history_becomes_one_of_mmengine(tmp_path):
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


def test_a_file_registers_no_statistics(tmp_path):
    before = dict(HistoryBuffer._statistics_methods)
    path = evil.archive(tmp_path / 'a.pth', HOSTILE['history with statistics'])
    with pytest.raises(Exception, match='statistics'):
        torch.load(path, weights_only=True)
    assert HistoryBuffer._statistics_methods == before


class Calls:
    """Pickles as a call of ``function`` with ``args``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


TRAINED = dict(
    log=HistoryBuffer([1.0, 3.0], [1, 1]), lr=np.float64(3), ids=np.arange(2), none=b''
)
RECONSTRUCT, SCALAR = np.ones(1).__reduce__()[0], np.float64(1).__reduce__()[0]
NUMPY_1 = (RECONSTRUCT, 'numpy.core.multiarray._reconstruct')
ALLOWED = {
    'getattr': ([getattr], Calls(getattr, torch.Tensor, 'dim'), torch.Tensor.dim),
    'getattr by name': (
        [(getattr, 'builtins.getattr')], Calls(getattr, torch.Tensor, 'no', 3), 3
    ),
    'type': ([np.dtype], None, None),
    'class': ([np.ndarray], None, None),
    'array': ([RECONSTRUCT], None, None),
    'array of numpy 1': ([NUMPY_1], None, None),
    'scalar': ([SCALAR], None, None),
    'half of numpy': ([np.dtype, SCALAR], None, None),
    'all of numpy': (
        [getattr, np.dtype, np.ndarray, RECONSTRUCT, SCALAR, np.dtypes.Float64DType,
         np.dtypes.ObjectDType],
        np.array(['x', None]), ['x', None],
    ),
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
def test_globals_allowed_by_the_user_work_in_any_order(
    tmp_path, monkeypatch, name, first
):
    """The order of the entries of one name, which torch keeps in a set, has no effect.

    The user allows a global that the package allows too, as an object or by its name,
    alone or with others, before or after the package in the order of that set.
    """
    own, value, expected = ALLOWED[name]
    torch.save(dict(TRAINED, value=value), tmp_path / 'a.pth')
    ours = torch.serialization.get_safe_globals()
    # A list in place of the set: the last of two entries of one name is used.
    order = [*own, *ours] if first == 'the user' else [*ours, *own]
    monkeypatch.setattr(_weights_only_unpickler, '_marked_safe_globals_set', order)
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert type(loaded['log']) is HistoryBuffer and loaded['log'].mean() == 2
    assert loaded['lr'] == 3 and loaded['ids'].tolist() == [0, 1]
    assert loaded['none'] == b''
    value = loaded['value']
    if isinstance(expected, HistoryBuffer):
        value, expected = (one.data[0].tolist() for one in (value, expected))
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == expected


def test_a_cleared_list_stays_cleared(tmp_path, monkeypatch):
    monkeypatch.setattr(_weights_only_unpickler, '_marked_safe_globals_set', set())
    torch.save(TRAINED, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth', weights_only=True)
