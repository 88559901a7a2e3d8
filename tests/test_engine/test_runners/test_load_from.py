"""Initial weights from untrusted files, given by ``load_from``."""

import os

import hostile_pickles as evil
import pytest
import torch
from hostile_pickles import number, text
from load_tool import load_tool


class Calls:
    """Pickles as a call that creates a folder."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def write(kind, path, mark):
    plain = {
        'code': dict(state_dict=Calls(mark)),
        'state is a list': dict(state_dict=[1]),
        'keys are numbers': dict(state_dict={1: torch.ones(1)}),
        'a list': [1],
        'a record of numbers': dict(state_dict={}, meta=dict(pretrained_on={'a': 3})),
    }
    if kind in plain:
        torch.save(plain[kind], path)
    elif kind == 'truncated':
        path.write_bytes(b'cut short')
    elif kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'bomb':
        memory = evil.call(evil.name('builtins', 'bytearray'), number(10**11))
        evil.archive(path, b'}' + text('state_dict') + memory + b's')
    return path


@pytest.mark.parametrize(
    'kind',
    ['code', 'truncated', 'pipe', 'gone', 'bomb', 'a list', 'state is a list',
     'keys are numbers', 'a record of numbers'],
)  # fmt: skip
def test_weights_that_cannot_be_loaded_are_one_message(
    kind, config_file, tmp_path, capsys
):
    mark = tmp_path / 'mark'
    path = write(kind, tmp_path / 'start.pth', mark)
    options = ['--cfg-options', f'load_from={path}', 'loso.strategy=sequential']
    work_dir = ['--work-dir', str(tmp_path / 'run')]
    assert load_tool('train.py').main([str(config_file), *work_dir, *options]) == 1
    errors = capsys.readouterr().err
    assert str(path) in errors and 'Traceback' not in errors
    assert 'weights_only' not in errors
    assert not mark.exists()
