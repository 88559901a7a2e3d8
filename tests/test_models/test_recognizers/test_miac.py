"""MIACNet through the modes of a recognizer, and where it looks."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.runner import load_checkpoint

from mmaction_mer.models import cost, count_activation_bytes
from mmaction_mer.models.utils.slim_checkpoint import slim_state_dict

SMALL = dict(
    type='mmpretrain.ResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    out_indices=(0, 1, 2, 3),
    norm_cfg=dict(type='GN', num_groups=4),
)


def build(seed=0):
    torch.manual_seed(seed)
    return MODELS.build(
        dict(
            type='MIACRecognizer',
            backbone=dict(type='MIACNet', branch=SMALL, width=16, features=4, grid=7),
            cls_head=dict(
                type='TimeSformerHead',
                num_classes=3,
                in_channels=2 * 4 * 7 * 7,
                topk=(1,),
                average_clips='prob',
            ),
        )
    )


def batch(size=4):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (size, 5, 3, 64, 64), generator=generator)
    samples = []
    for index in range(size):
        known = dict(clip=f'c{index}', onset=1, apex=3, offset=5)
        sample = ActionDataSample(metainfo=known)
        samples.append(sample.set_gt_label(index % 3))
    return dict(inputs=dict(clip=list(clips.to(torch.uint8))), data_samples=samples)


@pytest.mark.parametrize('width', [196, 784])
def test_a_head_of_another_width_is_refused_with_the_right_one(width):
    net = dict(type='MIACNet', branch=SMALL, width=16, features=4, grid=7)
    head = dict(type='TimeSformerHead', num_classes=3, in_channels=width)
    with pytest.raises(ValueError, match=rf'in_channels is {width}, .* have 392'):
        MODELS.build(dict(type='MIACRecognizer', backbone=net, cls_head=head))


def test_it_learns_a_batch_by_heart():
    model = build().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(15):
        data = model.data_preprocessor(batch(), training=True)
        loss = model(**data, mode='loss')['loss_cls']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        found = model(**model.data_preprocessor(batch()), mode='predict')
    assert [int(sample.pred_label) for sample in found] == [0, 1, 2, 0]


def test_a_checkpoint_gives_the_same_logits(tmp_path):
    model, other = build().eval(), build(seed=1).eval()
    inputs = model.data_preprocessor(batch())['inputs']
    before = model(inputs, mode='tensor', stage='head')
    torch.save(dict(state_dict=slim_state_dict(model)), tmp_path / 'fold.pth')
    load_checkpoint(other, str(tmp_path / 'fold.pth'), strict=True)
    torch.testing.assert_close(other(inputs, mode='tensor', stage='head'), before)


def test_evidence_is_what_the_places_add_to_the_logit():
    """Without its negative part it sums up to the logit above the others' mean."""
    model = build().eval()
    torch.nn.init.normal_(model.cls_head.fc_cls.weight)
    model.cls_head.fc_cls.bias.data.zero_()
    seen = model.saliency_maps(batch())
    assert seen['frames'].shape == (4, 3, 3, 64, 64)
    assert seen['frames'].min() >= 0 and seen['frames'].max() <= 255
    assert seen['saliency'].shape == seen['attribution'].shape == (4, 64, 64)
    assert seen['saliency'].min() >= 0 and seen['attribution'].min() >= 0
    inputs = model.data_preprocessor(batch())['inputs']
    logits = model(inputs, mode='tensor', stage='head')
    above = (logits.max(1).values * 3 - logits.sum(1)) / 2  # of three classes
    coarse = torch.nn.functional.adaptive_avg_pool2d(seen['attribution'], 7).sum((1, 2))
    assert (coarse > above * 0.9).all()

    # All that speaks for a class, at one place: there it is seen.
    weight = model.cls_head.fc_cls.weight.data.view(3, 2, 4, 7, 7)
    weight.zero_()
    features = model.backbone(inputs['frames']).view(4, 2, 4, 7, 7)
    weight[1, 0, :, 2, 5] = 9 * features[0, 0, :, 2, 5]
    row, column = divmod(
        int(model.saliency_maps(batch())['attribution'][0].argmax()), 64
    )
    assert row * 7 // 64 == 2 and column * 7 // 64 == 5


def test_evidence_is_of_the_class_that_is_asked_for():
    model = build().eval()
    torch.nn.init.normal_(model.cls_head.fc_cls.weight)
    inputs = model.data_preprocessor(batch())['inputs']
    logits = model(inputs, mode='tensor', stage='head')
    seen = model.saliency_maps(batch())
    same = model.saliency_maps(batch(), logits.argmax(1))
    other = model.saliency_maps(batch(), logits.argmin(1))
    assert torch.equal(same['attribution'], seen['attribution'])
    assert not torch.allclose(other['attribution'], seen['attribution'])
    assert torch.equal(other['saliency'], seen['saliency'])


@pytest.mark.parametrize('length', [2, 16])
def test_its_cost_is_counted(length):
    model = build().eval()
    found = cost(model, 64, length, repeats=3)
    learns = sum(parameter.numel() for parameter in model.parameters())
    assert found.trainable == found.total == learns
    # The stem of both branches on two pairs: 7 x 7 x 3 (or 6) x 8 at 32 x 32 places.
    assert found.multiply_adds > 2 * 32 * 32 * 49 * 9 * 8
    assert found.activation_bytes == count_activation_bytes(model, 64, length) > 0
    assert found.clips_per_s > 0
