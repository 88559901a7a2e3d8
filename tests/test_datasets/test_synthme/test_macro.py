"""Macro-expressions for pre-training, and the tool."""

import json
import sys

import numpy as np
import pytest
import torch
from load_tool import load_tool

from mmaction_mer.datasets.synthme.macro import NAMES, macro_faces
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.models.utils.pretrained import WEIGHTS_DIR


def test_images_and_ground_truth():
    pooled = macro_faces(3, seed=1, size=64, clips=6)
    # Pooled clips are cropped and not yet normalized: noise is added first.
    assert pooled.images.shape == (6, 56, 56, 3)
    assert pooled.images.dtype == np.float16
    assert np.abs(pooled.images.mean(axis=(1, 2), dtype=np.float64)).max() < 40
    assert pooled.units.shape == (6, len(NAMES))
    assert (pooled.units.max(axis=1) * 8 >= 2 - 1e-6).all()
    assert set(pooled.labels) <= {0, 1, 2}


def test_the_number_determines_the_person():
    first, again, other = (macro_faces(i, size=48, clips=1) for i in (0, 0, 1))
    assert (first.images == again.images).all()
    assert (first.images != other.images).any()


def test_images_are_those_of_the_shipped_weights():
    """If these numbers change, the shipped weights have to be trained again."""
    images = macro_faces(0, clips=3).images.astype(np.float64)
    spread = [image.std() for image in images]
    middle = [np.abs(image[30:60, 30:60]).mean() for image in images]
    assert spread == pytest.approx([48.05, 44.63, 41.31], rel=0.01)
    assert middle == pytest.approx([27.62, 34.07, 32.57], rel=0.01)


def test_the_shipped_weights():
    path = WEIGHTS_DIR / 'vit-tiny_synthme.pth'
    assert path.stat().st_size < 3e6
    state = torch.load(path, weights_only=True)['state_dict']
    assert sum(value.numel() for value in state.values()) == 1_294_848


@pytest.fixture
def tool():
    return load_tool('pretrain_synthme.py')


def test_the_pretraining_tool_repeats_and_resumes(tool, tmp_path, monkeypatch, capsys):
    # Rendered in this process: a pool would start new processes each time.
    faces = [macro_faces(i, size=tool.SIZE, clips=2) for i in range(2)]
    monkeypatch.setattr(tool, 'make_faces', lambda args: faces)
    monkeypatch.setattr(tool, 'SAVE_EVERY', 1)

    def run(name, seed=0):
        out = tmp_path / name
        options = f'tool --out {out} --iters 3 --batch 2 --seed {seed}'
        monkeypatch.setattr(sys, 'argv', options.split())
        if tool.main():
            return None
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
        assert run('b.pth') is None
    assert (tmp_path / 'b.state').exists()
    state = (tmp_path / 'b.state').read_bytes()
    assert run('b.pth', seed=1) is None
    assert 'was started with' in capsys.readouterr().err
    (tmp_path / 'b.state').write_bytes(state[:1000])
    assert run('b.pth') is None
    assert 'b.state' in capsys.readouterr().err
    (tmp_path / 'b.state').write_bytes(state)
    resumed = run('b.pth')
    assert not (tmp_path / 'b.state').exists()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_noise_is_as_strong_as_in_the_frames(tool):
    torch.manual_seed(0)
    noise = np.array([2.0, 8.0])
    pooled = tool.exposed(torch.zeros(2, 3, 64, 64), noise)
    frames = noise[:, None, None, None, None] * np.random.default_rng(0).normal(
        size=(2, 16, 3, 64, 64)
    )
    weights = tool.rank_pooling_weights(16)
    straight = np.einsum('t,btchw->bchw', weights, frames)
    soft = tool.gaussian_blur(
        torch.from_numpy(straight), [5, 5], [tool.SOFTNESS, tool.SOFTNESS]
    )
    for index in range(2):
        assert float(pooled[index].std()) == pytest.approx(
            float(soft[index].std()), rel=0.05
        )


def test_wrong_numbers_are_usage_errors(tool, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tool', '--identities', '1'])
    with pytest.raises(SystemExit):
        tool.parse_args()
    assert '--identities must be at least 2' in capsys.readouterr().err


def test_the_two_kinds_have_different_people_for_the_same_seed(tmp_path):
    people = []
    for kind, name in (('micro', 'synthme'), ('macro', 'synthme-macro')):
        root = tmp_path / kind
        make_release(root, Release(2, 1, size=32, seed=1, kind=kind), 1)
        clips = json.loads((root / 'truth.json').read_text())['clips']
        people.append({tuple(clip['identity_seed']) for clip in clips})
        content = json.loads((root / 'annotations.json').read_text())
        assert {row['dataset'] for row in content['data_list']} == {name}
        if kind == 'macro':
            assert all(4 <= clip['amplitude'] <= 12 for clip in clips)
    assert len(people[0]) == len(people[1]) == 2 and not people[0] & people[1]
