"""MPT as the action branch: what learns is what MPT can start from."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from mmaction_mer.models import MPTViT
from mmaction_mer.models.utils.pretrained import WeightsMissingError
from mmaction_mer.models.utils.slim_checkpoint import (
    checkpoint_state_dict,
    frozen_fingerprints,
)
from mmaction_mer.utils.errors import MERRunError

TINY = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
MPT = dict(
    type='MPTViT',
    vit=dict(
        type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, patch_size=16
    ),
    prompt=dict(type='MotionPrompt', num_prompts=3, channels=8),
    adapter=dict(type='GroupAdapter', reduction=8),
)


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='MA2MI',
            backbone=dict(
                type='MPTActions', mpt={**MPT, **changes}, width=8, code_channels=4
            ),
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


@pytest.fixture
def pretrained(tmp_path):
    """Write what a pre-training leaves; give its path and the state in it."""

    def write(**changes):
        model = build(**changes)
        vit = dict(model.backbone.vit.state_dict())
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.5
        path = tmp_path / 'last.pth'
        state = checkpoint_state_dict(model, frozen_fingerprints(model))
        torch.save(dict(state_dict=state), path)
        return dict(type='Pretrained', checkpoint=str(path), prefix='backbone'), vit

    return write


@pytest.mark.parametrize(
    'changes', [{}, dict(lora=dict(rank=2), adapter=None), dict(prompt=None)]
)
def test_mpt_starts_from_all_that_has_learnt(pretrained, changes):
    start, vit = pretrained(**changes)
    options = {k: v for k, v in {**MPT, **changes}.items() if k != 'type'}
    mpt = MPTViT(**options, init_cfg=start)
    mpt.vit.load_state_dict(vit)
    mpt.init_weights()
    state = torch.load(start['checkpoint'])['state_dict']
    learns = [name for name, p in mpt.named_parameters() if p.requires_grad]
    assert learns
    for name in learns:
        assert torch.equal(mpt.state_dict()[name], state[f'backbone.{name}']), name


def test_weights_over_another_vit_or_of_another_form_are_refused(pretrained):
    start, vit = pretrained()
    options = {k: v for k, v in MPT.items() if k != 'type'}
    other = MPTViT(**options, init_cfg=start)
    with pytest.raises(MERRunError, match='another frozen backbone'):
        other.init_weights()
    lora = MPTViT(**options, lora=dict(rank=2), init_cfg=start)
    lora.vit.load_state_dict(vit, strict=False)
    with pytest.raises(WeightsMissingError, match=r'last\.pth: .*are missing'):
        lora.init_weights()
    head = MPTViT(MPT['vit'], init_cfg=start)
    with pytest.raises(ValueError, match='everything is frozen'):
        head.init_weights()
