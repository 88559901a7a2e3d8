"""Files that request memory or time without bounds, and files with damage."""

import sys
import zipfile

import hostile_pickles as evil
import pytest
import torch
from hostile_pickles import entry, number, text
from isolated_reads import read_isolated

from mmaction_mer.utils.checkpoints.reading import CheckpointError, read_checkpoint

HALF_GIGABYTE = 1 << 29
FLOAT = evil.name('torch', 'float32')
BYTEARRAY = evil.name('builtins', 'bytearray')
DICT = evil.name('collections', 'OrderedDict')


def nested(depth):
    """A tuple that contains the previous one twice, nested ``depth`` times."""
    return b')' + b'q\x00h\x00\x86' * depth


def repeated(value, step, times):
    """A list of a value and the results of many calls with it."""
    return b'](' + value + b'q\x01' + step * times + b'e'


BOMBS = {
    'memory by a number': evil.call(BYTEARRAY, number(10**10)),
    'memory by a number of numpy': evil.call(
        BYTEARRAY,
        evil.scalar(evil.dtype('i8'), evil.raw((6 << 30).to_bytes(8, 'little'))),
    ),
    'memory by a tensor': evil.call(BYTEARRAY, evil.tensor(1, [], [])),
    'keys of equal hash': b'}('
    + b''.join(number(i * sys.hash_info.modulus) + b'N' for i in range(1, 100_000))
    + b'u',
    'too many values': b'](' + b'N' * 20_000_000 + b'e',
    'tensor by its size': evil.call(evil.name('torch', 'Tensor'), number(3 * 10**9)),
    'tensor of one number': evil.tensor(4, [10**12], [0]),
    'tensor beyond its storage': evil.tensor(4, [10**9], [1]),
    'storage that is missing': evil.tensor(25 * 10**9, [25 * 10**9], [1]),
    'tensor without storage': evil.call(
        evil.name('torch._utils', '_rebuild_meta_tensor_no_storage'),
        *(FLOAT, evil.many(number(10**6)), evil.many(number(1)), b'\x89'),
    ),
    'set of nested tuples': evil.call(
        evil.name('builtins', 'set'), b']' + nested(40) + b'a'
    ),
    'one long text, encoded repeatedly': repeated(
        text('x' * (1 << 20)),
        evil.call(evil.name('_codecs', 'encode'), b'h\x01'),
        40_000,
    ),
    'one long list, hashed repeatedly': repeated(
        b'](' + b'N' * 20_000 + b'e',
        evil.call(evil.name('builtins', 'set'), b'h\x01'),
        100_000,
    ),
    'shape of huge integers': evil.call(
        evil.name('torch._utils', '_rebuild_tensor'),
        *(evil.storage(4), number(0)),
        *(evil.many(number(1 << 1900) + b'q\x01' + b'h\x01' * 9000), b')'),
    ),
    'one long tuple as arguments': repeated(
        evil.many(b'N' * 9000), DICT + b'h\x01R', 40_000
    ),
    'one long tuple as state': repeated(
        evil.many(b'N' * 9000), DICT + b')Rh\x01b', 40_000
    ),
    'storages of many tensors': b']('
    + b''.join(evil.storage(1, str(key), 'ByteStorage') for key in range(300_000))
    + b'e',
    'a slow encoding': evil.call(
        evil.name('_codecs', 'encode'), text('a' * (1 << 20)), text('idna')
    ),
}


def compressed_zeros(path):
    """Half a gigabyte of zeros, compressed to a thousandth."""
    content = entry(evil.tensor(HALF_GIGABYTE // 4, [HALF_GIGABYTE // 4], [1]))
    records = {'0': bytes(HALF_GIGABYTE)}
    return evil.archive(path, content, records, compression=zipfile.ZIP_DEFLATED)


def two_pickles(path):
    """torch reads the first of two members that differ only in case."""
    with zipfile.ZipFile(path, 'w') as file:
        bomb = entry(BOMBS['memory by a number'])
        file.writestr('archive/DATA.PKL', evil.START + bomb + b'.')
        file.writestr('archive/data.pkl', evil.START + b'}.')
        file.writestr('archive/version', b'3\n')
    return path


def legacy(path, count):
    """A file of torch < 1.6 with a storage."""
    kind, location = evil.name('torch', 'FloatStorage'), text('cpu')
    parts = (text('storage'), kind, text('0'), location, number(count), b'N')
    content = entry(evil.many(*parts) + b'Q')
    magic = number(torch.serialization.MAGIC_NUMBER)
    pickles = [magic, number(1001), b'}', content, b']']
    path.write_bytes(b''.join(evil.START + one + b'.' for one in pickles))
    return path


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bombs')
    contents = {name: entry(value) for name, value in BOMBS.items()}
    contents['key of nested tuples'] = entry(b'K\x01', nested(40))
    contents['nested lists'] = entry(b']' * 200_000 + b'a' * 199_999)
    files = {
        name: evil.archive(folder / f'{index}.pth', content, {'0': bytes(16)})
        for index, (name, content) in enumerate(contents.items())
    }
    files['zeros'] = compressed_zeros(folder / 'zeros.pth')
    files['two pickles'] = two_pickles(folder / 'pickles.pth')
    files['legacy'] = legacy(folder / 'legacy.pth', 10**11)
    return read_isolated(files)


@pytest.mark.parametrize(
    'name',
    [*BOMBS, 'key of nested tuples', 'nested lists', 'zeros', 'two pickles', 'legacy'],
)
def test_a_file_takes_no_more_memory_and_time_than_its_size_justifies(results, name):
    status, message, grown, seconds = results[name]
    assert status == 0
    assert message.startswith('read' if name == 'nested lists' else 'rejected')
    assert len(message) < 700
    assert grown < HALF_GIGABYTE // 2
    assert seconds < 120


@pytest.mark.parametrize('zipped', [True, False])
def test_a_truncated_file_is_reported(tmp_path, zipped):
    path = tmp_path / 'a.pth'
    state = dict(state_dict=dict(x=torch.ones(300), y=torch.ones(2)), meta=dict(a=1))
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for size in (0, 1, 3, 40, 200, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(CheckpointError, match='possibly truncated') as error:
            read_checkpoint(path)
        assert error.value.path == str(path)
        assert 'was run' not in error.value.problem


def test_damaged_numbers_are_detected(tmp_path):
    """torch does not verify the checksums."""
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'w': torch.arange(1000.0)}}, path)
    content = bytearray(path.read_bytes())
    place = content.find(torch.arange(1000.0).numpy().tobytes())
    content[place + 2000 : place + 2512] = bytes(512)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='not a readable'):
        read_checkpoint(path)


@pytest.mark.parametrize('change', ['comment', 'shifted', 'second directory'])
def test_an_ambiguous_archive_is_rejected(tmp_path, change):
    path = tmp_path / 'weights.pth'
    torch.save({'w': torch.ones(3)}, path)
    content = path.read_bytes()
    if change == 'comment':
        content = content[:-2] + b'\x04\x00more'
    elif change == 'shifted':
        content = content[:4] + bytes(100) + content[4:]
    else:
        torch.save({'w': torch.zeros(300)}, path)
        content = path.read_bytes() + content
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)
