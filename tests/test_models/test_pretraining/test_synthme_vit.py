"""Pre-training of the small ViT that ships with the package, and its tool."""

import numpy as np
import pytest
import torch
from load_tool import load_tool

from mmaction_mer.datasets.synthme.macro import macro_faces
from mmaction_mer.models.pretraining import synthme_vit
from mmaction_mer.models.utils.pretrained import WEIGHTS_DIR
from mmaction_mer.motion.rank_pooling import rank_pooling_weights


@pytest.fixture(scope='module')
def tool():
    return load_tool('pretrain_synthme.py')


def test_the_shipped_weights():
    path = WEIGHTS_DIR / 'vit-tiny_synthme.pth'
    assert path.stat().st_size < 3e6
    state = torch.load(path, weights_only=True)['state_dict']
    assert sum(value.numel() for value in state.values()) == 1_294_848


def test_the_tool_is_reproducible_and_resumes(tool, tmp_path, monkeypatch, capsys):
    # Rendered in this process: a pool would start new processes each time.
    faces = [macro_faces(i, size=synthme_vit.SIZE, clips=2) for i in range(2)]
    monkeypatch.setattr(synthme_vit, 'make_faces', lambda args: faces)
    monkeypatch.setattr(synthme_vit, 'SAVE_EVERY', 1)

    def run(name, seed=0):
        out = tmp_path / name
        options = f'--out {out} --iters 3 --batch 2 --seed {seed}'
        if tool.main(options.split()):
            return None
        return torch.load(out, weights_only=True)['state_dict']

    whole = run('a.pth')
    clip, calls = synthme_vit.nn.utils.clip_grad_norm_, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return clip(*args)

    with monkeypatch.context() as patch:
        patch.setattr(synthme_vit.nn.utils, 'clip_grad_norm_', killed)
        assert run('b.pth') is None
    state = (tmp_path / 'b.state').read_bytes()
    assert run('b.pth', seed=1) is None
    assert 'b.state' in capsys.readouterr().err
    (tmp_path / 'b.state').write_bytes(state[:1000])
    assert run('b.pth') is None
    assert 'b.state' in capsys.readouterr().err
    (tmp_path / 'b.state').write_bytes(state)
    resumed = run('b.pth')
    assert not (tmp_path / 'b.state').exists()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_noise_is_as_strong_as_in_the_frames():
    torch.manual_seed(0)
    noise = np.array([2.0, 8.0])
    pooled = synthme_vit.exposed(torch.zeros(2, 3, 64, 64), noise)
    frames = noise[:, None, None, None, None] * np.random.default_rng(0).normal(
        size=(2, 16, 3, 64, 64)
    )
    straight = np.einsum('t,btchw->bchw', rank_pooling_weights(16), frames)
    soft = synthme_vit.gaussian_blur(
        torch.from_numpy(straight), [5, 5], [synthme_vit.SOFTNESS] * 2
    )
    for found, expected in zip(pooled, soft, strict=True):
        assert float(found.std()) == pytest.approx(float(expected.std()), rel=0.05)


def test_wrong_numbers_are_usage_errors(tool, capsys):
    with pytest.raises(SystemExit):
        tool.parse_args(['--identities', '1'])
    assert '--identities must be at least 2' in capsys.readouterr().err
