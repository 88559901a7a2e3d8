"""MPT as the action branch: what learns is what MPT can start from."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from mmaction_mer.models import MPTViT
from mmaction_mer.models.pretrained import WeightsMissingError

TINY = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
MPT = dict(
    type='MPTViT',
    vit=dict(
        type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, patch_size=16
    ),
    prompt=dict(type='MotionPrompt', num_prompts=3, channels=8),
    adapter=dict(type='GroupAdapter', reduction=8),
)


def build():
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='MA2MI',
            backbone=dict(type='MPTActions', mpt=MPT, width=8, code_channels=4),
            hidden=16,
            losses=dict(pixel=1.0, sparse=0.03),
            data_preprocessor=dict(type='MPTPairPreprocessor'),
        )
    )


def batch(size=2):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (size, 16, 3, 64, 64), generator=generator)
    samples = [
        ActionDataSample(metainfo=dict(fps=32.0, clip=f'c{index}'))
        for index in range(size)
    ]
    return dict(inputs=dict(clip=list(clips.to(torch.uint8))), data_samples=samples)


def test_the_frames_are_the_first_and_the_last_of_the_clip():
    data = batch()
    model = build()
    inputs = model.data_preprocessor(data)['inputs']
    assert inputs['image'].shape == (2, 3, 64, 64)
    assert inputs['motion'].shape == (2, 16, 3, 64, 64)
    pre = model.data_preprocessor
    grey = (inputs['frames'] * pre.std + pre.mean).round()
    for index, clip in enumerate(batch()['inputs']['clip']):
        assert torch.equal(grey[index], clip[[0, -1]].float())


def test_what_learns_are_prompts_adapters_and_the_way_to_the_code():
    model = build().train()
    assert not model.backbone.vit.training
    before = {k: v.clone() for k, v in model.backbone.vit.state_dict().items()}
    optimizer = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
    for _ in range(2):  # the decoder starts at zero: gradients come after a step
        optimizer.zero_grad()
        losses = model(**model.data_preprocessor(batch()), mode='loss')
        sum(losses.values()).backward()
        optimizer.step()
    assert all(
        torch.equal(value, before[key])
        for key, value in model.backbone.vit.state_dict().items()
    )
    still = {
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not parameter.grad.any()
    }
    # Nothing reads the prompts after the last layer, in MPT neither.
    assert all(name.startswith('backbone.adapters.1.motion_branch.') for name in still)


def test_positions_are_of_the_first_frame_alone():
    model = build().eval()
    inputs = model.data_preprocessor(batch())['inputs']
    positions, code = model.backbone.encode_inputs(inputs)
    assert positions.shape == (2, 8, 4, 4) and code.shape == (2, 4, 4, 4)
    inputs['frames'][:, 1] = 0
    inputs['motion'] = inputs['motion'].flip(1)
    others, other_code = model.backbone.encode_inputs(inputs)
    assert torch.equal(positions, others) and not torch.allclose(code, other_code)


def test_mpt_starts_from_it(tmp_path):
    model = build()
    state = {k: v + 0.5 for k, v in model.state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'last.pth')
    start = dict(checkpoint=str(tmp_path / 'last.pth'), prefix='backbone')
    options = {k: v for k, v in MPT.items() if k != 'type'}
    mpt = MPTViT(**options, init_cfg=dict(type='Pretrained', **start))
    vit = {k: v.clone() for k, v in mpt.vit.state_dict().items()}
    mpt.init_weights()
    for name, value in mpt.state_dict().items():
        if name.startswith('vit.'):
            assert torch.equal(value, vit[name[4:]])
        else:
            assert torch.equal(value, state[f'backbone.{name}']), name
    options['prompt'] = dict(options['prompt'], num_prompts=4)
    options['adapter'] = dict(options['adapter'])
    torch.save(dict(state_dict={}), tmp_path / 'last.pth')
    other = MPTViT(**options, init_cfg=mpt.init_cfg)
    with pytest.raises(WeightsMissingError, match=r'last\.pth: .*are missing'):
        other.init_weights()
