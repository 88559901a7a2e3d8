"""Faces to pre-train on, and the tool that does it."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmaction_mer.datasets.synthme.macro import NAMES, NEUTRAL, macro_faces
from mmaction_mer.models.pretrained import WEIGHTS_DIR

ROOT = Path(__file__).parents[2]


def test_truth_goes_with_the_pictures():
    stills, pooled = macro_faces(3, seed=1, size=64, stills=8, clips=2)
    assert stills.images.shape == (8, 64, 64, 3)
    assert pooled.images.dtype == np.uint8
    assert stills.units.shape == (8, len(NAMES))
    neutral = stills.labels == NEUTRAL
    assert (stills.units[neutral] == 0).all()
    assert (stills.units[~neutral].max(axis=1) * 8 >= 3 - 1e-6).all()
    assert (pooled.labels != NEUTRAL).all()


def test_faces_repeat_and_differ():
    first, again, other = (
        macro_faces(i, size=48, stills=2, clips=1)[0] for i in (0, 0, 1)
    )
    assert (first.images == again.images).all()
    assert (first.images != other.images).any()


def test_the_weights_that_ship_are_small_and_read_as_weights_only():
    path = WEIGHTS_DIR / 'vit-tiny_synthme.pth'
    assert path.stat().st_size < 3e6
    state = torch.load(path, weights_only=True)['state_dict']
    assert sum(value.numel() for value in state.values()) == 1_294_848


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location(
        'pretrain_synthme', ROOT / 'tools' / 'pretrain_synthme.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pretraining_tool_repeats_and_resumes(tool, tmp_path, monkeypatch):
    # The faces are drawn in this process: a pool would start a new one each time.
    parts = [macro_faces(i, size=tool.SIZE, stills=2, clips=2) for i in range(2)]
    faces = [part[kind] for part in parts for kind in (0, 1)]
    monkeypatch.setattr(tool, 'make_faces', lambda args: faces)
    monkeypatch.setattr(tool, 'SAVE_EVERY', 1)

    def run(name):
        out = tmp_path / name
        options = f'tool --out {out} --iters 3 --stills 2 --pooled 2'.split()
        monkeypatch.setattr(sys, 'argv', options)
        tool.main()
        return torch.load(out, weights_only=True)['state_dict']

    whole = run('a.pth')
    clip, calls = tool.nn.utils.clip_grad_norm_, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return clip(*args)

    with monkeypatch.context() as patch:
        patch.setattr(tool.nn.utils, 'clip_grad_norm_', killed)
        with pytest.raises(KeyboardInterrupt):
            run('b.pth')
    assert (tmp_path / 'b.state').exists()
    resumed = run('b.pth')
    assert not (tmp_path / 'b.state').exists()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
