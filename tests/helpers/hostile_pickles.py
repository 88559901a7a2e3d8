"""Files of torch.save as nobody would write them, operation by operation."""

import pickle
import struct
import zipfile

START = b'\x80\x02'


def text(value):
    raw = value.encode()
    return b'X' + struct.pack('<I', len(raw)) + raw


def number(value):
    if -(2**31) <= value < 2**31:
        return b'J' + struct.pack('<i', value)
    raw = pickle.encode_long(value)
    return b'\x8a' + bytes([len(raw)]) + raw


def name(module, own):
    return f'c{module}\n{own}\n'.encode()


def many(*items):
    """A tuple."""
    return b'(' + b''.join(items) + b't'


def call(function, *items):
    return function + many(*items) + b'R'


def new(kind, *items):
    return kind + many(*items) + b'\x81'


def build(into, state):
    return into + state + b'b'


def raw(value):
    """Bytes, as protocol 2 writes them."""
    return call(name('_codecs', 'encode'), text(value.decode('latin1')), text('latin1'))


def storage(count, key='0', kind='FloatStorage'):
    location = text('cpu')
    parts = (text('storage'), name('torch', kind), text(key), location, number(count))
    return many(*parts) + b'Q'


def tensor(count, size, stride, key='0'):
    return call(
        name('torch._utils', '_rebuild_tensor_v2'),
        storage(count, key),
        number(0),
        many(*map(number, size)),
        many(*map(number, stride)),
        b'\x89',
        name('collections', 'OrderedDict') + b')R',
    )


def entry(value, key='state_dict'):
    """A dictionary of one entry."""
    return b'}' + (text(key) if isinstance(key, str) else key) + value + b's'


def archive(path, content, records=None, compression=zipfile.ZIP_STORED):
    """Write ``content``, a pickle without its frame, as ``torch.save`` does."""
    with zipfile.ZipFile(path, 'w', compression) as file:
        file.writestr('archive/data.pkl', START + content + b'.')
        file.writestr('archive/byteorder', b'little')
        for key, value in (records or {}).items():
            file.writestr(f'archive/data/{key}', value)
        file.writestr('archive/version', b'3\n')
    return path


# Where torch.load and numpy meet

ARRAY = name('numpy', 'ndarray')
DTYPE = name('numpy', 'dtype')


def dtype(code, order='<', state=None):
    made = call(DTYPE, text(code), b'\x89', b'\x88')
    if state is None:
        end = (b'N', b'N', b'N', number(-1), number(-1), number(0))
        state = many(number(3), text(order), *end)
    return build(made, state)


def empty(core='_core', kind=ARRAY):
    function = name(f'numpy.{core}.multiarray', '_reconstruct')
    return call(function, kind, many(number(0)), raw(b'b'))


def array(kind, shape, content, core='_core'):
    state = many(number(1), many(*map(number, shape)), kind, b'\x89', content)
    return build(empty(core), state)


def scalar(kind, content, core='_core'):
    return call(name(f'numpy.{core}.multiarray', 'scalar'), kind, content)
