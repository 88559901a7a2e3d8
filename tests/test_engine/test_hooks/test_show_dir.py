"""``--show-dir`` of tools/test.py and of mmaction's, on clips of PackMERInputs."""

import importlib.util
import runpy
import sys
from pathlib import Path

import cv2
import pytest
import torch
from engine_toy import EngineToy
from load_tool import load_tool

HOST = Path(importlib.util.find_spec('mmaction').origin).parent / '.mim' / 'tools'
PROTOCOL = "runner_type = 'LOSORunner'\nloso = dict(protocol='loso')\n"
HOOKS = "default_hooks = dict(visualization=dict(type='{}'),"


@pytest.fixture
def start(config_file, tmp_path):
    """Write the toy's config without its protocol, and a checkpoint."""

    def write(hook=None):
        text = config_file.read_text().replace(PROTOCOL, '')
        if hook:
            text = text.replace('default_hooks = dict(', HOOKS.format(hook))
        config_file.write_text(text)
        torch.save(EngineToy().state_dict(), tmp_path / 'toy.pth')
        folders = dict(work=tmp_path / 'work', show=tmp_path / 'drawn')
        options = [f'--{name}-dir={folder}' for name, folder in folders.items()]
        return [str(config_file), str(tmp_path / 'toy.pth'), *options]

    return write


def drawn(folder, step=1):
    names = [f'toy_s{subject}_s{subject}_c{number}_seed0.png'
             for subject in range(1, 5) for number in range(4)]  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == names[::step]
    assert cv2.imread(str(folder / names[0])).std() > 1
    return True


@pytest.mark.parametrize('hook', [None, 'VisualizationHook', 'MERVisualizationHook'])
def test_our_tool_draws_whatever_hook_the_config_has(start, hook, tmp_path):
    """One sheet for each clip that is due."""
    assert load_tool('test.py').main([*start(hook), '--interval', '3']) == 0
    assert drawn(tmp_path / 'drawn', 3)


def test_mmactions_tool_draws_by_our_hook(start, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['test.py', *start('MERVisualizationHook')])
    runpy.run_path(str(HOST / 'test.py'), run_name='__main__')
    assert drawn(tmp_path / 'drawn')


def test_a_protocol_draws_the_clips_of_all_folds(config_file, run_copy, tmp_path):
    show = ['--show-dir', str(tmp_path / 'drawn')]
    assert load_tool('test.py').main([str(config_file), str(run_copy), *show]) == 0
    assert drawn(tmp_path / 'drawn')
