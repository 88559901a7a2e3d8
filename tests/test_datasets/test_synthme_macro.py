"""Faces to pre-train on, and the tool that does it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
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
    assert (stills.units[~neutral].max(axis=1) * 8 >= 2 - 1e-6).all()
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


def test_the_pretraining_tool_repeats_and_resumes(tmp_path):
    command = [sys.executable, str(ROOT / 'tools' / 'pretrain_synthme.py')]
    size = '--identities 2 --stills 2 --pooled 2 --workers 1'.split()

    def run(name, iters):
        out = tmp_path / name
        subprocess.run(
            [*command, '--out', out, '--iters', str(iters), *size], check=True
        )
        return torch.load(out, weights_only=True)['state_dict']

    whole, again = run('a.pth', 2), run('b.pth', 2)
    assert all(torch.equal(whole[key], again[key]) for key in whole)
    assert not (tmp_path / 'a.state').exists()
