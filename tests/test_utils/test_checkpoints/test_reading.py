"""Files that are no checkpoint, ask for code, or for all memory and time there is."""

import argparse
import datetime
import functools
import http.server
import json
import os
import pickle
import subprocess
import sys
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import hostile_pickles as evil
import pytest
import torch
from hostile_pickles import number, text
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint
from mmengine.runner import checkpoint as mmengine_checkpoint
from paths import ROOT
from torch import nn

from mmaction_mer.utils.checkpoints.reading import CheckpointError, read_checkpoint

HALF_GIGABYTE = 1 << 29
FLOAT = evil.name('torch', 'float32')


def nested(depth):
    """A tuple that holds the one before twice, ``depth`` times over."""
    return b')' + b'q\x00h\x00\x86' * depth


def entry(value, key=None):
    return b'}' + (text('state_dict') if key is None else key) + value + b's'


def again(value, step, times):
    """A list of a value and of what many calls make of it."""
    return b'](' + value + b'q\x01' + step * times + b'e'


BOMBS = {
    'memory by a number': entry(
        evil.call(evil.name('builtins', 'bytearray'), number(10**10))
    ),
    'memory by a number of numpy': entry(
        evil.call(
            evil.name('builtins', 'bytearray'),
            evil.scalar(evil.dtype('i8'), evil.raw((6 << 30).to_bytes(8, 'little'))),
        )
    ),
    'memory by a tensor': entry(
        evil.call(evil.name('builtins', 'bytearray'), evil.tensor(1, [], []))
    ),
    'keys of one hash': entry(
        b'}('
        + b''.join(number(i * sys.hash_info.modulus) + b'N' for i in range(1, 100_000))
        + b'u'
    ),
    'values without end': entry(b'](' + b'N' * 20_000_000 + b'e'),
    'tensor by its size': entry(
        evil.call(evil.name('torch', 'Tensor'), number(3 * 10**9))
    ),
    'tensor of one number': entry(evil.tensor(4, [10**12], [0])),
    'tensor beyond its numbers': entry(evil.tensor(4, [10**9], [1])),
    'numbers that are not there': entry(evil.tensor(25 * 10**9, [25 * 10**9], [1])),
    'tensor without numbers': entry(
        evil.call(
            evil.name('torch._utils', '_rebuild_meta_tensor_no_storage'),
            *(FLOAT, evil.many(number(10**6)), evil.many(number(1)), b'\x89'),
        )
    ),
    'hash without end': entry(b'K\x01', nested(40)),
    'set without end': entry(
        evil.call(evil.name('builtins', 'set'), b']' + nested(40) + b'a')
    ),
    'one long text again and again': entry(
        again(
            text('x' * (1 << 20)),
            evil.call(evil.name('_codecs', 'encode'), b'h\x01'),
            40_000,
        )
    ),
    'one long list again and again': entry(
        again(
            b'](' + b'N' * 20_000 + b'e',
            evil.call(evil.name('builtins', 'set'), b'h\x01'),
            100_000,
        )
    ),
    'one long shape again and again': entry(
        evil.call(
            evil.name('torch._utils', '_rebuild_tensor'),
            *(evil.storage(4), number(0)),
            *(evil.many(number(1 << 1900) + b'q\x01' + b'h\x01' * 9000), b')'),
        )
    ),
    'one long tuple given again and again': entry(
        again(
            evil.many(b'N' * 9000),
            evil.name('collections', 'OrderedDict') + b'h\x01R',
            40_000,
        )
    ),
    'one long state again and again': entry(
        again(
            evil.many(b'N' * 9000),
            evil.name('collections', 'OrderedDict') + b')Rh\x01b',
            40_000,
        )
    ),
    'numbers of very many tensors': entry(
        b']('
        + b''.join(evil.storage(1, str(key), 'ByteStorage') for key in range(300_000))
        + b'e'
    ),
    'a slow encoding': entry(
        evil.call(evil.name('_codecs', 'encode'), text('a' * (1 << 20)), text('idna'))
    ),
}
CHILD = """
import json, os, resource, sys, time
import torch
from mmaction_mer.utils.checkpoints.reading import read_checkpoint
from mmaction_mer.utils.errors import MERRunError
told = {}
for path in sys.argv[1:]:
    reader, writer = os.pipe()
    if not os.fork():
        os.close(reader)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            end = 'read ' + str(len(read_checkpoint(path)))
        except MERRunError as error:
            end = 'refused ' + str(error)
        spent = resource.getrusage(resource.RUSAGE_SELF)
        grown = (spent.ru_maxrss - before) * 1024
        os.write(writer, json.dumps([end[:4000], grown, spent.ru_utime]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as words:
        text = words.read()
    status = os.wait()[1]
    told[os.path.basename(path)] = [status, *json.loads(text or '["crashed", 0, 0]')]
print(json.dumps(told))
"""


def ends_of(files):
    """How each file ended in a process of its own: status, words, bytes, seconds."""
    done = subprocess.run(
        [sys.executable, '-c', CHILD, *(str(path) for path in files.values())],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return {name: told[path.name] for name, path in files.items()}


def zeros(path, **options):
    """An archive of half a gigabyte of zeros, compressed to a thousandth."""
    content = entry(evil.tensor(HALF_GIGABYTE // 4, [HALF_GIGABYTE // 4], [1]))
    return evil.archive(path, content, {'0': bytes(HALF_GIGABYTE)}, **options)


def two_tables(path):
    """Torch finds the first of two names that differ in capital letters."""
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr(
            'archive/DATA.PKL', evil.START + BOMBS['memory by a number'] + b'.'
        )
        file.writestr('archive/data.pkl', evil.START + b'}.')
        file.writestr('archive/version', b'3\n')
    return path


def older(path, content, keys=b']'):
    """A file as torch before 1.6 wrote them."""
    parts = [
        number(torch.serialization.MAGIC_NUMBER),
        number(1001),
        b'}',
        content,
        keys,
    ]
    path.write_bytes(b''.join(evil.START + part + b'.' for part in parts))
    return path


def older_storage(count):
    location = text('cpu')
    kind = evil.name('torch', 'FloatStorage')
    parts = (text('storage'), kind, text('0'), location, number(count), b'N')
    return evil.many(*parts) + b'Q'


@pytest.fixture(scope='module')
def ends(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bombs')
    files = {}
    for place, (name, content) in enumerate(BOMBS.items()):
        record = {'0': bytes(16)}
        files[name] = evil.archive(folder / f'{place}.pth', content, record)
    files['zeros'] = zeros(folder / 'zeros.pth', compression=zipfile.ZIP_DEFLATED)
    files['two tables'] = two_tables(folder / 'tables.pth')
    files['older'] = older(folder / 'older.pth', entry(older_storage(10**11)))
    deep = b']' * 200_000 + b'a' * 199_999
    files['deep'] = evil.archive(folder / 'deep.pth', entry(deep))
    return ends_of(files)


@pytest.mark.parametrize('name', [*BOMBS, 'zeros', 'two tables', 'older'])
def test_a_file_takes_no_more_than_its_size_gives_reason_for(ends, name):
    status, words, grown, seconds = ends[name]
    assert status == 0
    assert words.startswith('refused')
    assert len(words) < 700
    assert grown < HALF_GIGABYTE // 2
    assert seconds < 120


def test_lists_in_lists_are_read_without_end_of_the_stack(ends):
    status, words, grown, _ = ends['deep']
    assert status == 0 and words.startswith('read') and grown < HALF_GIGABYTE // 2


# Code


class Calls:
    """Pickles as a call that leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def refusal(path, **options):
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, **options)
    words = str(caught.value)
    assert len(words) < 700 and words.isprintable()
    assert 'weights_only' not in words and 'add_safe_globals' not in words
    return words


def planted(folder, mark):
    """A call in every form that a file may have."""
    call, place = dict(state_dict=Calls(mark)), str(mark).encode()
    torch.save(call, folder / 'new.pth')
    torch.save(call, folder / 'old.pth', _use_new_zipfile_serialization=False)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (folder / f'plain{protocol}.pth').write_bytes(pickle.dumps(call, protocol))
    folder.joinpath('op.pth').write_bytes(b'cos\nmkdir\n(V' + place + b'\ntR.')
    folder.joinpath('inst.pth').write_bytes(b'(V' + place + b'\nios\nmkdir\n.')
    files = sorted(folder.glob('*.pth'))
    assert len(files) == 5 + pickle.HIGHEST_PROTOCOL
    return files


def test_code_is_named_refused_and_not_run_in_any_form(tmp_path):
    mark = tmp_path / 'mark'
    for path in planted(tmp_path, mark):
        words = refusal(path)
        assert 'mkdir' in words and 'Nothing in it was run' in words, path
        assert 'cut short' not in words
        with pytest.raises(pickle.UnpicklingError) as caught:
            CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
        assert 'weights_only' not in str(caught.value)
    assert not mark.exists()


def test_a_name_from_the_file_is_quoted_briefly_and_printably(tmp_path):
    content = evil.call(evil.name('os\x1b[31m', 'x' * 100_000))
    refusal(evil.archive(tmp_path / 'a.pth', entry(content)))


def test_a_model_as_a_whole_is_code_too(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / 'a.pth')
    assert 'torch.nn.modules' in refusal(tmp_path / 'a.pth')
    torch.jit.script(nn.ReLU()).save(tmp_path / 'b.pth')
    assert 'TorchScript' in refusal(tmp_path / 'b.pth')
    with tarfile.open(tmp_path / 'c.pth', 'w') as archive:
        archive.add(tmp_path / 'a.pth', 'storages')
    assert 'tar archive' in refusal(tmp_path / 'c.pth')


def test_a_checkpoint_given_as_a_url_is_read_in_the_same_way(tmp_path, monkeypatch):
    """torch.hub finds the file in its folder, so that no network is needed."""
    folder = tmp_path / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    mark = tmp_path / 'mark'
    torch.save(dict(state_dict=Calls(mark)), folder / 'evil.pth')
    torch.save(dict(state_dict=dict(x=torch.ones(2))), folder / 'good.pth')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    url = 'https://weights.invalid/'
    with pytest.raises(CheckpointError, match='mkdir') as caught:
        CheckpointLoader.load_checkpoint(url + 'evil.pth', map_location='cpu')
    assert 'weights_only' not in str(caught.value)
    assert not mark.exists()
    good = CheckpointLoader.load_checkpoint(url + 'good.pth', map_location='cpu')
    assert good['state_dict']['x'].tolist() == [1, 1]


# Damage


@pytest.mark.parametrize('form', [True, False])
def test_a_file_cut_anywhere_says_so(tmp_path, form):
    whole, cut = tmp_path / 'whole.pth', tmp_path / 'cut.pth'
    state = dict(state_dict=dict(x=torch.ones(300), y=torch.ones(2)), meta=dict(a=1))
    torch.save(state, whole, _use_new_zipfile_serialization=form)
    content = whole.read_bytes()
    for place in (0, 1, 3, 40, 200, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:place])
        words = refusal(cut)
        assert 'cut short' in words and 'run' not in words


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'pipe.pth')
    assert 'named pipe' in refusal(tmp_path / 'pipe.pth')
    assert 'folder' in refusal(tmp_path)
    assert 'no such checkpoint' in refusal(tmp_path / 'gone.pth')


def test_a_file_larger_than_is_read_is_refused_unread(tmp_path):
    with open(tmp_path / 'a.pth', 'wb') as file:
        file.truncate(1 << 40)
    assert 'bytes' in refusal(tmp_path / 'a.pth')
    torch.save(dict(x=torch.ones(9)), tmp_path / 'b.pth')
    assert 'bytes' in refusal(tmp_path / 'b.pth', max_bytes=100)


# What must go on


@pytest.mark.parametrize('form', [True, False])
def test_what_training_saves_is_read(tmp_path, form):
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
        meta={
            'text': 'x',
            'set': {1, 2},
            'bytes': b'ab',
            ('a', 1): [None, 1.5, 1 << 80],
        },
    )
    torch.save(saved, tmp_path / 'a.pth', _use_new_zipfile_serialization=form)
    read = read_checkpoint(tmp_path / 'a.pth')
    assert read['meta'] == saved['meta']
    assert read['optimizer'].keys() == saved['optimizer'].keys()
    for key, value in model.state_dict().items():
        assert torch.equal(read['state_dict'][key], value)
    for one, other in zip(read['views'], saved['views'], strict=True):
        assert torch.equal(one, other)
    if form:
        mapped = read_checkpoint(tmp_path / 'a.pth', mmap=True)
        assert torch.equal(mapped['views'][0], saved['views'][0])


def started_with(**more):
    """A state dict beside what other programs put into their checkpoints."""
    return dict(state_dict={'weight': torch.ones(1)}, **more)


def by_file(path):
    return load_checkpoint(nn.Linear(1, 1, bias=False), str(path))


def by_file_address(path):
    return load_checkpoint(nn.Linear(1, 1, bias=False), path.as_uri())


def by_torchvision_name(path, monkeypatch, tmp_path):
    with served(path.parent) as address, monkeypatch.context() as patched:
        patched.setenv('TORCH_HOME', str(tmp_path / 'hub'))
        models = {'resnet18.other': f'{address}/{path.name}'}
        patched.setattr(mmengine_checkpoint, 'get_torchvision_models', lambda: models)
        return load_checkpoint(
            nn.Linear(1, 1, bias=False), 'torchvision://resnet18.other'
        )


def by_address(path, monkeypatch, tmp_path):
    with served(path.parent) as address, monkeypatch.context() as patched:
        patched.setenv('TORCH_HOME', str(tmp_path / 'hub'))
        return load_checkpoint(nn.Linear(1, 1, bias=False), f'{address}/{path.name}')


@contextmanager
def served(folder):
    """The address of a folder, on this machine alone."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


LOADERS = dict(file=by_file, file_address=by_file_address, address=by_address,
               torchvision=by_torchvision_name)  # fmt: skip


@pytest.fixture(params=LOADERS)
def load(request, monkeypatch, tmp_path):
    """One of the ways by which mmengine finds a checkpoint."""
    loader = LOADERS[request.param]
    if request.param in ('address', 'torchvision'):
        return lambda path: loader(path, monkeypatch, tmp_path)
    return loader


@pytest.mark.parametrize('form', [True, False])
def test_options_and_paths_are_plain_values(tmp_path, load, form):
    """What training scripts save beside weights, as the host reads it from addresses.

    The kind: options of a command line and paths of any system, from a file, from an
    address and from a name of torchvision, in both forms of ``torch.save``.
    """
    options = argparse.Namespace(
        lr=0.1, out=Path('a/b'), more=argparse.Namespace(x=[1])
    )
    saved = started_with(
        args=options,
        places=[Path('a'), PurePosixPath('/b'), PureWindowsPath('c:/d'), Path()],
    )
    path = tmp_path / 'a.pth'
    torch.save(saved, path, _use_new_zipfile_serialization=form)
    read = load(path)
    assert read['args'] == options and type(read['args']) is argparse.Namespace
    assert read['places'] == saved['places']
    assert [type(one) for one in read['places']] == [
        type(one) for one in saved['places']
    ]


def test_a_path_of_another_system_or_python_is_read(tmp_path):
    """A file from Windows, or from Python 3.13, which keeps paths in another module."""
    value = evil.many(
        evil.call(evil.name('pathlib', 'WindowsPath'), text('c:/d')),
        evil.call(evil.name('pathlib._local', 'PosixPath'), text('/a'), text('b')),
    )
    read = read_checkpoint(evil.archive(tmp_path / 'a.pth', entry(value, text('x'))))
    assert str(PureWindowsPath(read['x'][0])) == 'c:\\d' and read['x'][1] == Path(
        '/a/b'
    )


@pytest.mark.parametrize(
    'value',
    [
        evil.build(
            evil.name('argparse', 'Namespace') + b')\x81', evil.many(b'N', b'}')
        ),
        evil.build(evil.name('argparse', 'Namespace') + b')\x81', b'}K\x01Ns'),
        evil.call(evil.name('argparse', 'Namespace'), text('a')),
        evil.call(evil.name('pathlib', 'PosixPath'), b']'),
    ],
    ids=['slots', 'numbered', 'arguments', 'path-of-a-list'],
)
def test_options_and_paths_are_made_of_nothing_else(tmp_path, value):
    path = evil.archive(tmp_path / 'a.pth', entry(value, text('x')))
    assert 'refused: the file asks for' in refusal(path)


def test_a_method_of_a_path_is_not_called(tmp_path):
    """A path is a plain value; what it could do to a disk is code."""
    made = evil.call(evil.name('pathlib', 'PosixPath'), text(str(tmp_path / 'mark')))
    method = evil.call(evil.name('builtins', 'getattr'), made, text('mkdir'))
    path = tmp_path / 'a.pth'
    evil.archive(path, entry(evil.many(method + b')R'), text('x')))
    assert "calls what 'builtins.getattr' gives" in refusal(path)
    evil.archive(path, entry(evil.many(method), text('x')))
    assert "an attribute 'mkdir'" in refusal(path)
    assert not (tmp_path / 'mark').exists()


def test_a_class_that_is_not_known_is_named_with_the_line_that_allows_it(
    tmp_path, load
):
    """The message says whose rule it is; with its line, the file is read.

    The kind: classes that hold values (``fractions.Fraction``, ``datetime.date``), from
    a file as from an address.
    """
    path = tmp_path / 'a.pth'
    torch.save(started_with(part=Fraction(1, 3), day=datetime.date(2020, 1, 2)), path)
    with pytest.raises(CheckpointError) as caught:
        load(path)
    words = str(caught.value)
    assert 'a.pth' in words and "the class 'fractions.Fraction'" in words
    assert 'mmaction_mer, as torch.load(weights_only=True),' in words
    line = 'torch.serialization.add_safe_globals([fractions.Fraction])'
    assert f'import torch, fractions; {line}' in words and len(words) < 700
    with torch.serialization.safe_globals([Fraction]):
        with pytest.raises(CheckpointError, match=r'add_safe_globals\(\[datetime.date'):
            load(path)
        with torch.serialization.safe_globals([datetime.date]):
            read = load(path)
    assert read['part'] == Fraction(1, 3) and read['day'] == datetime.date(2020, 1, 2)


def test_what_acts_is_never_advised(tmp_path):
    """No line allows what starts programs, opens files or calls what it is given."""
    for owner, name in (
        ('subprocess', 'Popen'), ('ctypes', 'CDLL'), ('builtins', 'eval'),
        ('functools', 'partial'), ('os', 'system'), ('importlib', 'import_module'),
        ('torch.package', 'PackageImporter'), ('not there', 'Name'),
    ):  # fmt: skip
        refusal(evil.archive(tmp_path / 'a.pth', entry(evil.name(owner, name))))


def test_what_a_training_state_says_of_its_config_is_not_run(tmp_path, monkeypatch):
    """mmengine runs ``meta.config`` as Python where a run is resumed."""
    monkeypatch.chdir(tmp_path)
    planted = f'import pathlib\npathlib.Path({str(tmp_path / "ran")!r}).touch()\n'
    loaders = dict(batch_size=1, dataset=list(range(4)), num_workers=0)

    class Model(BaseModel):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, *_, **__):
            return dict(loss=self.weight.sum())

    def runner(**changes):
        return Runner(
            Model(),
            work_dir=str(tmp_path / 'work'),
            train_dataloader=dict(
                **loaders, sampler=dict(type='DefaultSampler', shuffle=False)
            ),
            train_cfg=dict(by_epoch=True, max_epochs=changes.pop('epochs')),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            default_scope='mmengine',
            experiment_name=f'planted{len(changes)}',
            **changes,
        )

    runner(epochs=1).train()
    state = torch.load(tmp_path / 'work' / 'epoch_1.pth', weights_only=True)
    state['meta']['config'] = planted
    torch.save(state, tmp_path / 'planted.pth')
    going_on = runner(epochs=2, resume=True, load_from=str(tmp_path / 'planted.pth'))
    going_on.train()
    assert going_on.iter == 8
    assert not (tmp_path / 'ran').exists()
    # What is no training state is refused by name.
    for broken in ({}, {'meta': []}, {'meta': dict(epoch='1', iter=4)}):
        torch.save({**state, **broken} if broken else {}, tmp_path / 'planted.pth')
        with pytest.raises(CheckpointError, match='planted.pth: is no training state'):
            runner(
                epochs=2, resume=True, load_from=str(tmp_path / 'planted.pth')
            ).train()


def test_numbers_that_were_damaged_on_the_disk_are_found(tmp_path):
    """Torch asks for no sum of what it reads."""
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'w': torch.arange(1000.0)}}, path)
    assert read_checkpoint(path)['state_dict']['w'].sum() == 499_500
    content = bytearray(path.read_bytes())
    place = content.find(torch.arange(1000.0).numpy().tobytes())
    content[place + 2000 : place + 2512] = bytes(512)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='weights.pth: not a readable'):
        read_checkpoint(path)


@pytest.mark.parametrize('change', ['comment', 'shifted', 'second list'])
def test_an_archive_that_two_readers_read_otherwise_is_refused(tmp_path, change):
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
