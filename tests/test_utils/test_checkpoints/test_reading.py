"""Code in checkpoints is rejected, plain values are read."""

import argparse
import datetime
import os
import pickle
import tarfile
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import hostile_pickles as evil
import pytest
import torch
from hostile_pickles import entry, text
from torch import nn

from mmaction_mer.utils.checkpoints import reading
from mmaction_mer.utils.checkpoints.reading import (
    CheckpointError,
    CheckpointNotFoundError,
    check_training_state,
    read_checkpoint,
)


class Call:
    """Pickled as a call that creates a folder."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def rejection(path, **options):
    """Return the problem of a file, which is reported briefly and printably."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, **options)
    message = str(caught.value)
    assert caught.value.path == str(path) and caught.value.hint
    assert len(message) < 700 and message.isprintable()
    assert 'weights_only' not in message and 'add_safe_globals' not in message
    return caught.value.problem


def test_code_in_any_form_is_named_and_not_run(tmp_path):
    marker = tmp_path / 'marker'
    call, place = dict(state_dict=Call(marker)), str(marker).encode()
    torch.save(call, tmp_path / 'new.pth')
    torch.save(call, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / f'plain{protocol}.pth').write_bytes(pickle.dumps(call, protocol))
    (tmp_path / 'op.pth').write_bytes(b'cos\nmkdir\n(V' + place + b'\ntR.')
    (tmp_path / 'inst.pth').write_bytes(b'(V' + place + b'\nios\nmkdir\n.')
    for path in tmp_path.glob('*.pth'):
        problem = rejection(path)
        assert 'mkdir' in problem and 'Nothing in it was run' in problem, path
    assert not marker.exists()


def test_whole_models_and_old_archives_are_rejected(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / 'a.pth')
    assert 'torch.nn.modules' in rejection(tmp_path / 'a.pth')
    torch.jit.script(nn.ReLU()).save(tmp_path / 'b.pth')
    assert 'TorchScript' in rejection(tmp_path / 'b.pth')
    with tarfile.open(tmp_path / 'c.pth', 'w') as archive:
        archive.add(tmp_path / 'a.pth', 'storages')
    assert 'tar archive' in rejection(tmp_path / 'c.pth')


@pytest.mark.parametrize(
    ('module', 'name'),
    [
        ('subprocess', 'Popen'), ('ctypes', 'CDLL'), ('builtins', 'eval'),
        ('functools', 'partial'), ('os', 'system'), ('importlib', 'import_module'),
        ('torch.package', 'PackageImporter'), ('not there', 'Name'),
        ('os\x1b[31m', 'x' * 100_000),
    ],
)  # fmt: skip
def test_no_message_advises_to_allow_code(tmp_path, module, name):
    rejection(evil.archive(tmp_path / 'a.pth', entry(evil.name(module, name))))


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    os.mkfifo(tmp_path / 'pipe.pth')
    assert 'named pipe' in rejection(tmp_path / 'pipe.pth')
    assert 'folder' in rejection(tmp_path)
    with pytest.raises(CheckpointNotFoundError) as error:
        read_checkpoint(tmp_path / 'gone.pth', hint='train first')
    copy = pickle.loads(pickle.dumps(error.value))
    assert str(copy) == str(error.value) and copy.hint == 'train first'
    with open(tmp_path / 'a.pth', 'wb') as file:
        file.truncate(1 << 40)
    assert 'bytes' in rejection(tmp_path / 'a.pth')
    torch.save(dict(x=torch.ones(9)), tmp_path / 'b.pth')
    assert 'bytes' in rejection(tmp_path / 'b.pth', max_bytes=100)


@pytest.mark.parametrize('zipped', [True, False])
def test_a_training_state_is_read(tmp_path, zipped):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    shared = torch.randn(100)
    saved = dict(
        state_dict=model.state_dict(),
        optimizer=optimizer.state_dict(),
        half=torch.ones(2, dtype=torch.bfloat16),
        views=[shared[:50], shared[10:20], shared.view(10, 10).t()],
        parameter=nn.Parameter(torch.ones(2)),
        many=torch.ones(1).expand(1000),
        none=torch.zeros(0, 3),
        meta={'text': 'x', 'set': {1, 2}, 'bytes': b'ab', ('a', 1): [None, 1 << 80]},
    )
    torch.save(saved, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    for mmap in (False, True)[: 1 + zipped]:
        read = read_checkpoint(tmp_path / 'a.pth', mmap=mmap)
        assert read['meta'] == saved['meta']
        assert read['optimizer'].keys() == saved['optimizer'].keys()
        for key, value in model.state_dict().items():
            assert torch.equal(read['state_dict'][key], value)
        for one, other in zip(read['views'], saved['views'], strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize('zipped', [True, False])
def test_options_and_paths_are_plain_values(tmp_path, zipped):
    """Training scripts save them beside the weights."""
    options = argparse.Namespace(lr=0.1, out=Path('a'), more=argparse.Namespace(x=[1]))
    places = [Path('a'), PurePosixPath('/b'), PureWindowsPath('c:/d'), Path()]
    path = tmp_path / 'a.pth'
    saved = dict(args=options, places=places)
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    read = read_checkpoint(path)
    assert read['args'] == options and type(read['args']) is argparse.Namespace
    assert read['places'] == places
    assert [*map(type, read['places'])] == [*map(type, places)]


def test_paths_of_another_system_or_python_are_read(tmp_path):
    value = evil.many(
        evil.call(evil.name('pathlib', 'WindowsPath'), text('c:/d')),
        # The module in Python 3.13.
        evil.call(evil.name('pathlib._local', 'PosixPath'), text('/a'), text('b')),
    )
    read = read_checkpoint(evil.archive(tmp_path / 'a.pth', entry(value, 'x')))
    assert str(PureWindowsPath(read['x'][0])) == 'c:\\d'
    assert read['x'][1] == Path('/a/b')


NAMESPACE, PATH = evil.name('argparse', 'Namespace'), evil.name('pathlib', 'PosixPath')


@pytest.mark.parametrize(
    'value',
    [
        evil.build(NAMESPACE + b')\x81', evil.many(b'N', b'}')),
        evil.build(NAMESPACE + b')\x81', b'}K\x01Ns'),
        evil.call(NAMESPACE, text('a')),
        evil.call(PATH, b']'),
    ],
    ids=['slots', 'numbered', 'arguments', 'path-of-a-list'],
)
def test_options_and_paths_accept_nothing_else(tmp_path, value):
    path = evil.archive(tmp_path / 'a.pth', entry(value, 'x'))
    assert 'rejected: the file contains' in rejection(path)


def test_a_method_of_a_path_is_not_called(tmp_path):
    made = evil.call(PATH, text(str(tmp_path / 'marker')))
    method = evil.call(evil.name('builtins', 'getattr'), made, text('mkdir'))
    path = evil.archive(tmp_path / 'a.pth', entry(evil.many(method + b')R'), 'x'))
    assert "calls the result of 'builtins.getattr'" in rejection(path)
    evil.archive(path, entry(evil.many(method), 'x'))
    assert "the attribute 'mkdir'" in rejection(path)
    assert not (tmp_path / 'marker').exists()


def test_an_unknown_class_is_reported_with_the_line_that_allows_it(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(part=Fraction(1, 3), day=datetime.date(2020, 1, 2)), path)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert "the class 'fractions.Fraction'" in caught.value.problem
    assert 'mmaction_mer, as torch.load(weights_only=True),' in caught.value.problem
    line = 'torch.serialization.add_safe_globals([fractions.Fraction])'
    assert f'import torch, fractions; {line}' in caught.value.hint
    assert len(str(caught.value)) < 700
    with torch.serialization.safe_globals([Fraction]):
        with pytest.raises(CheckpointError, match=r'add_safe_globals\(\[datetime.date'):
            read_checkpoint(path)
        with torch.serialization.safe_globals([datetime.date]):
            read = read_checkpoint(path)
    assert read['part'] == Fraction(1, 3) and read['day'] == datetime.date(2020, 1, 2)


@pytest.mark.parametrize(
    ('state', 'field'),
    [
        ({}, 'meta.epoch'),
        ({'meta': []}, 'meta.epoch'),
        ({'meta': dict(epoch=1, iter='4')}, 'meta.iter'),
        ({'meta': dict(epoch=1, iter=-1)}, 'meta.iter'),
        ({'meta': dict(epoch=1, iter=4)}, 'message_hub'),
    ],
)
def test_an_incomplete_training_state_is_rejected(state, field):
    with pytest.raises(CheckpointError) as error:
        check_training_state(state, 'a.pth')
    assert (error.value.path, error.value.field) == ('a.pth', field)
    check_training_state({'meta': dict(epoch=1, iter=4), 'message_hub': {}}, 'a.pth')


def test_a_file_that_is_removed_while_it_is_read_is_not_found(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    torch.save({'meta': {}, 'state_dict': {}}, path)
    monkeypatch.setattr(reading, 'scan', lambda file, size: path.unlink())
    with pytest.raises(CheckpointNotFoundError):
        read_checkpoint(path, mmap=True)
