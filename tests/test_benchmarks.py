"""Every benchmark runs, as small as it can be; docs-check runs more of each."""

import importlib
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'benchmarks'
# The others start processes or need a trained run.
SMALL = {
    'scaling': 'CONFIG --folds 2 --clips 6 --steps 1 --out OUT',
    'store': '--clips 1 --turns 1',
    'videos': '--frames 200 --turns 1',
    'inference': 'RELEASE',
}
NAMES = sorted({path.stem for path in FOLDER.glob('*.py')} - {'common', 'magnifiers'})


@pytest.fixture(autouse=True)
def imports(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    yield
    # Benchmarks silence the host; the tests after them must not be silent.
    logging.disable(logging.NOTSET)


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    """What the words in capitals stand for."""
    root = tmp_path_factory.mktemp('benchmarks')
    make_release(root / 'release', Release(subjects=1, clips=2, seed=1), 1)
    arch = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
    (root / 'config.py').write_text(
        f'_base_ = {str(ROOT / "configs/mpt_vit-tiny_synthme.py")!r}\n'
        f'model = dict(backbone=dict(vit=dict(arch={arch!r})), '
        f'cls_head=dict(in_channels=32))\n'
        'train_cfg = dict(max_iters=2)\n'
        'train_dataloader = dict(batch_size=2)\n'
    )
    return dict(RELEASE=root / 'release', CONFIG=root / 'config.py', OUT=root)


@pytest.mark.parametrize('name', NAMES)
def test_it_runs(name, places, monkeypatch, capsys):
    words = SMALL.get(name, '--help').split()
    words = [str(places.get(word, word)) for word in words]
    monkeypatch.setattr(sys, 'argv', [name, *words])
    module = importlib.import_module(name)
    if name in SMALL:
        module.main()
        assert any(letter.isdigit() for letter in capsys.readouterr().out)
    else:
        with pytest.raises(SystemExit) as end:
            module.main()
        assert end.value.code == 0


def test_memory_of_a_step(places):
    memory = importlib.import_module('memory')
    for way in memory.WAYS:
        size, seconds = memory.peak(way, str(places['CONFIG']), 2, 1)
        assert size >= 0 and seconds > 0


def test_what_moves_is_found_in_motion_and_in_video(tmp_path):
    motion, magnifiers = map(importlib.import_module, ('motion', 'magnifiers'))
    clip, swaying = motion.make_clip(16, size=32)
    np.save(tmp_path / 'clip.npy', clip)
    magnifiers.main('ours', 1, 0.0, tmp_path)
    for task in ('motion', 'video'):
        result = np.load(tmp_path / f'magnify-{task}.npy')
        assert motion.likeness(result, task, clip, swaying) > 0.6
    assert abs(motion.likeness(clip, 'motion', clip, swaying)) < 0.1
    magnifiers.main('copy', 2, 0.0, tmp_path)


def test_a_model_that_listens_to_motion_alone_is_found_out():
    """A model whose answer is written in the motion, and nowhere in the image."""
    labels = torch.arange(30) % 3
    motion = torch.zeros(30, 16, 3, 16, 16) + labels.view(-1, 1, 1, 1, 1)

    class Listening(torch.nn.Module):
        def forward(self, inputs, mode, stage):
            return torch.eye(3)[inputs['motion'].mean(dim=(1, 2, 3, 4)).long()]

    class Given:
        inputs = dict(motion=motion, image=torch.zeros(30, 3, 16, 16))

    Given.labels = labels
    swapped = importlib.import_module('prompts').swapped
    plain, motion, image = swapped(Listening(), Given, torch.arange(30), 0)
    assert plain == image == 30
    assert motion < 20


class _Swaps:
    """A model whose code is the true field: what it decodes is the giver's movement."""

    def __init__(self, fields):
        self.fields = torch.from_numpy(fields).permute(0, 3, 1, 2)
        self.backbone = self.data_preprocessor = self
        self.std = torch.full((3, 1, 1), 127.5)

    def encode(self, first, last):
        return first, self.fields

    def reconstruct(self, first, positions, code):
        return dict(frame=first, flow=code)


def test_whose_movement_a_swapped_code_gives():
    fields = np.zeros((4, 8, 8, 2))
    for index in range(4):
        fields[index, 2 * index : 2 * index + 2] = 1 + index
    measure = importlib.import_module('actions').measure
    people = ['a', 'a', 'b', 'b']
    found = measure(_Swaps(fields), torch.rand(4, 2, 3, 8, 8), fields, people)
    error, copied, own, giver, face, *_ = found.values()
    assert own == pytest.approx(1) and giver == pytest.approx(1) and face < 0
    assert error == copied > 0
