"""MA2MI's losses; and that what it learns is what the paper says it learns."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch.nn import functional

SMALL = dict(
    type='mmpretrain.ResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    out_indices=(0, 1),
    norm_cfg=dict(type='GN', num_groups=4),
)


def build(losses=None, **backbone):
    torch.manual_seed(0)
    net = dict(type='MIACNet', branch=SMALL, width=16, features=None, grid=4)
    return MODELS.build(
        dict(
            type='MA2MI',
            backbone={**net, **backbone},
            hidden=16,
            losses=losses,
            data_preprocessor=dict(
                type='KeyFramePreprocessor', frames=('onset', 'offset')
            ),
        )
    )


def faces(count, seed):
    """Smooth textures ``(B, 3, 32, 32)``, no two alike."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, 8, 8, generator=generator)
    return functional.interpolate(coarse, (32, 32), mode='bicubic') * 0.4


def moved(pictures, halves, direction):
    """The left or right half moves by a pixel to the left or right."""
    shifted = torch.where(
        direction.view(-1, 1, 1, 1) > 0, pictures.roll(1, -1), pictures.roll(-1, -1)
    )
    inside = (torch.arange(32) // 16)[None] == halves[:, None]
    return torch.where(inside[:, None, None], shifted, pictures)


def pairs(count, seed):
    first = faces(count, seed)
    generator = torch.Generator().manual_seed(seed + 1000)
    halves = torch.randint(2, (count,), generator=generator)
    direction = 2 * torch.randint(2, (count,), generator=generator) - 1
    return first, moved(first, halves, direction), halves, direction


def test_losses_have_their_names_and_weights():
    first, last, *_ = pairs(4, 0)
    inputs = dict(frames=torch.stack([first, last], 1))
    one = build(dict(pixel=1.0, latent=1.0, sparse=1.0))(inputs, mode='loss')
    assert set(one) == {'loss_pixel', 'loss_latent', 'loss_sparse'}
    two = build(dict(pixel=3.0, latent=0, sparse=0.5))(inputs, mode='loss')
    assert set(two) == {'loss_pixel', 'loss_sparse'}
    torch.testing.assert_close(two['loss_pixel'], 3 * one['loss_pixel'])
    torch.testing.assert_close(two['loss_sparse'], one['loss_sparse'] / 2)
    with pytest.raises(ValueError, match='losses: pixels is not one of'):
        build(dict(pixels=1.0))
    with pytest.raises(ValueError, match='losses: all are disabled'):
        build({})


def test_three_frames_are_refused():
    with pytest.raises(ValueError, match='pairs of frames, but got 3'):
        build()(dict(frames=torch.zeros(1, 3, 3, 32, 32)))


def test_the_latent_loss_is_that_of_features_moved_not_of_features_alone():
    """It is zero for a face that does not change, and the target gets no gradient."""
    first, *_ = pairs(4, 0)
    model = build(dict(latent=1.0))
    still = dict(frames=torch.stack([first, first], 1))
    assert model(still, mode='loss')['loss_latent'] < 1e-8
    first, last, *_ = pairs(4, 0)
    last.requires_grad_()
    model.backbone.action.requires_grad_(False)
    model.backbone.to_code.requires_grad_(False)
    model(dict(frames=torch.stack([first, last], 1)), mode='loss')[
        'loss_latent'
    ].backward()
    # The action branch sees the second frame; the decoder starts without moving.
    assert not last.grad.any()


def test_errors_are_in_squared_grey_levels_beside_those_of_copying():
    first, last, *_ = pairs(3, 0)
    model = build().eval()
    samples = [ActionDataSample() for _ in range(3)]
    inputs = dict(frames=torch.stack([first, last], 1))
    with torch.no_grad():
        found = model(inputs, samples, mode='predict')
    for index, sample in enumerate(found):
        difference = (first[index] - last[index]) * 127.5
        assert sample.copy_error == pytest.approx(float(difference.square().mean()))
        assert sample.error == pytest.approx(sample.copy_error)  # it starts as a copy


@pytest.fixture(scope='module')
def trained():
    from mmengine.registry import init_default_scope

    init_default_scope('mmaction')
    model = build(dict(pixel=1.0, sparse=0.01))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 150)
    for step in range(150):
        first, last, *_ = pairs(16, step)
        losses = model(dict(frames=torch.stack([first, last], 1)), mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def test_a_code_moves_another_face_as_it_moved_its_own(trained):
    """Positions do not carry the action: with another's code the face moves alike."""
    first, last, halves, direction = pairs(64, 10_000)
    positions, code = trained.backbone.encode(first, last)
    made = trained.reconstruct(first, positions, code)
    copied = (first - last).square().mean()
    assert (made['frame'] - last).square().mean() < 0.5 * copied

    giver = torch.arange(64).roll(1)
    swapped = trained.reconstruct(first, positions, code[giver])
    wanted = moved(first, halves[giver], direction[giver])
    error = (swapped['frame'] - wanted).square().mean()
    assert error < 0.6 * (first - wanted).square().mean()

    # x of the field, in the middle of both halves: that of the giver, not of the face.
    halved = swapped['flow'][:, 0].unflatten(2, (2, 16)).mean((1, 3))
    rows = torch.arange(64)
    own_half, other_half = halved[rows, halves[giver]], halved[rows, 1 - halves[giver]]
    assert (own_half.sign() == direction[giver]).float().mean() > 0.9
    assert other_half.abs().mean() < 0.4 * own_half.abs().mean()


@torch.no_grad()
def test_the_heat_is_where_the_face_moves(trained):
    first, last, halves, _ = pairs(64, 20_000)
    heat = trained(dict(frames=torch.stack([first, last], 1)))['heat']
    halved = heat.unflatten(2, (2, 16)).mean((1, 3))
    assert (halved.argmax(1) == halves).float().mean() > 0.9
