"""Maps over the visual tokens: what they add up to, and where they point."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch import nn

from mmaction_mer.models.utils.explain import (
    attention,
    attention_rollout,
    grad_cam,
    integrated_gradients,
    over_image,
    record_activations,
)

TINY = dict(embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64)


def build(prompt=None, lora=None, adapter=True):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='MPTRecognizer',
            backbone=dict(
                type='MPTViT',
                vit=dict(
                    type='mmpretrain.VisionTransformer',
                    arch=TINY,
                    img_size=48,
                    patch_size=16,
                ),
                prompt=prompt,
                lora=lora,
                adapter=dict(type='GroupAdapter', reduction=8) if adapter else None,
            ),
            cls_head=dict(type='TimeSformerHead', num_classes=3, in_channels=32),
            data_preprocessor=dict(
                type='MERDataPreprocessor', augmentation=dict(crop=48, flip=0.5)
            ),
        )
    ).eval()
    nn.init.normal_(model.cls_head.fc_cls.weight)
    return model


def batch(size=3):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (size, 16, 3, 52, 52), generator=generator)
    samples = [ActionDataSample(metainfo=dict(fps=50.0)) for _ in range(size)]
    return dict(inputs=dict(clip=list(clips.to(torch.uint8))), data_samples=samples)


PROMPTS = {
    'motion': dict(type='MotionPrompt', num_prompts=3, channels=8),
    'deep': dict(type='VPTPrompt', num_prompts=2, deep=True),
    'none': None,
}


@pytest.mark.parametrize('kind', PROMPTS)
def test_every_model_over_a_vit_is_located(kind):
    model = build(PROMPTS[kind], adapter=kind != 'none')
    data = batch()
    with torch.inference_mode():
        seen = model.saliency_maps(data)
    middle = torch.stack(data['inputs']['clip'])[..., 2:50, 2:50]
    assert torch.equal(seen['frames'], middle.float())
    for name in ('saliency', 'attribution', 'grad_cam'):
        assert seen[name].shape == (3, 48, 48)
        assert seen[name].min() >= 0 and seen[name].max() > 0
        assert not seen[name].requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    # No hook stays, and the target's default is what is predicted.
    hooks = [len(one._forward_pre_hooks) for one in model.backbone.vit.layers]
    assert hooks == [0, 0, 0]
    logits = model(model.data_preprocessor(data)['inputs'], stage='head')
    chosen, other = logits.argmax(1), logits.argmin(1)
    again = model.saliency_maps(data, chosen)
    assert torch.equal(again['attribution'], seen['attribution'])
    another = model.saliency_maps(data, other)
    for name in ('attribution', 'grad_cam'):
        assert not torch.allclose(another[name], seen[name])
    assert torch.equal(another['saliency'], seen['saliency'])


def test_streams_of_the_pipeline_are_shown_by_their_image():
    model = build()
    inputs = dict(
        image=[torch.rand(3, 52, 52) * 255], motion=[torch.zeros(16, 3, 52, 52)]
    )
    seen = model.saliency_maps(dict(inputs=inputs, data_samples=None))
    torch.testing.assert_close(
        seen['frames'][0, 0], inputs['image'][0][:, 2:50, 2:50], atol=1e-3, rtol=0
    )


def test_evidence_lies_where_the_only_motion_is():
    """All places alike but one: what differs from no motion is found there."""
    model = build()
    image = torch.full((1, 3, 52, 52), 120.0)
    image[:, :, 34:50, 2:18] += torch.randn(1, 3, 16, 16) * 40
    inputs = dict(image=list(image), motion=[torch.zeros(16, 3, 52, 52)])
    for target in range(3):
        seen = model.saliency_maps(dict(inputs=inputs), torch.tensor([target]))
        row, column = divmod(int(seen['attribution'][0].argmax()), 48)
        if seen['attribution'].max() > 0:
            assert (row // 16, column // 16) == (2, 0)


@pytest.mark.parametrize('lora', [None, dict(rank=4)])
def test_attention_is_that_of_the_fused_one(lora):
    model = build(PROMPTS['motion'], lora)
    module = model.backbone.vit.layers[1].attn
    for name, parameter in module.named_parameters():
        if 'lora' in name:
            nn.init.normal_(parameter)
    tokens = torch.randn(2, 13, 32)
    # Values that say who they are: what comes out is who was looked at.
    seen = attention(module, tokens)
    assert seen.shape == (2, 13, 13)
    torch.testing.assert_close(seen.sum(-1), torch.ones(2, 13))
    value = module.qkv(tokens)[..., 64:].view(2, 13, 2, 16).transpose(1, 2)
    query, key = (
        module.qkv(tokens)[..., part].view(2, 13, 2, 16).transpose(1, 2)
        for part in (slice(32), slice(32, 64))
    )
    weights = (query @ key.transpose(-1, -2) / 4).softmax(-1)
    mixed = (weights @ value).transpose(1, 2).reshape(2, 13, 32)
    torch.testing.assert_close(module(tokens), module.proj(mixed))
    torch.testing.assert_close(seen, weights.mean(1))


def test_the_trace_holds_what_enters_each_layer():
    model = build(PROMPTS['motion'])
    inputs = model.data_preprocessor(batch())['inputs']
    with record_activations(model.backbone.vit, 2) as trace:
        model.features(inputs)
    assert trace.grid == [(3, 3)]
    assert [one.shape for one in trace.tokens] == [(3, 1 + 9 + 3, 32)] * 3
    assert trace.tokens[2].is_leaf and trace.tokens[2].requires_grad
    torch.testing.assert_close(
        trace.tokens[0][:, :10], model.backbone.embed(inputs['image'])
    )


def test_rollout_keeps_all_that_is_there_and_follows_the_path():
    generator = torch.Generator().manual_seed(0)
    layers = [torch.rand(2, 5, 5, generator=generator).softmax(-1) for _ in range(4)]
    rolled = attention_rollout(layers)
    torch.testing.assert_close(rolled.sum(-1), torch.ones(2, 5))
    # Token 0 looks at 1 in the last layer, which looked at 2 in the first.
    first, last = torch.eye(3), torch.eye(3)
    first[1], last[0] = torch.eye(3)[2], torch.eye(3)[1]
    found = attention_rollout([first[None], last[None]])[0, 0]
    torch.testing.assert_close(found, torch.tensor([0.5, 0.25, 0.25]))


def test_grad_cam_weighs_channels_and_drops_what_speaks_against():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 0.0], [0.0, 5.0]]])
    gradient = torch.tensor([[[3.0, 0.0], [0.0, -3.0], [0.0, 0.0]]])
    # Weights are the means, 1 and -1.
    torch.testing.assert_close(
        grad_cam(tokens, gradient), torch.tensor([[0.0, 3.0, 0.0]])
    )


def test_integrated_gradients_add_up_and_pass_over_what_is_not_used():
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(4, 3)

    def score(inputs):
        return layer(inputs['x'].tanh())[:, 1]

    x = torch.randn(5, 4, generator=generator)
    inputs = dict(x=x, unused=torch.ones(5, 2))
    start = dict(x=torch.zeros(5, 4), unused=torch.zeros(5, 2))
    found = integrated_gradients(score, inputs, start, steps=200)
    torch.testing.assert_close(
        found['x'].sum(1), (score(inputs) - score(start)).detach(), atol=1e-4, rtol=0
    )
    assert not found['unused'].any()


def test_values_are_laid_out_row_by_row():
    laid = over_image(torch.arange(6.0)[None], (2, 3), (32, 48))
    assert laid.shape == (1, 32, 48)
    assert laid[0, 0, 0] == 0 and laid[0, 0, -1] == 2 and laid[0, -1, 0] == 3
