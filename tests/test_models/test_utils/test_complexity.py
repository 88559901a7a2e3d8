"""The figures a right build shows, for ViT-B/16 (and MPT's table V)."""

import io

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from mmaction_mer.models import (
    cost,
    count_activation_bytes,
    count_multiply_adds,
    count_parameters,
    slim_state_dict,
)

PROMPT = dict(type='MotionPrompt', num_prompts=5)
GROUP = dict(type='GroupAdapter', reduction=8)
SHARED = dict(type='PrimitiveAdapter', reduction=8)


LORA = dict(rank=8, alpha=16)


def vit_b16(prompt, adapter, **backbone):
    cfg = Config.fromfile('configs/_base_/models/mpt_vit-b16.py').model
    cfg.backbone.vit.pop('init_cfg')
    cfg.backbone.prompt, cfg.backbone.adapter = prompt, adapter
    cfg.backbone.update(backbone)
    cfg.cls_head.num_classes = 3
    return MODELS.build(cfg)


@pytest.mark.parametrize(
    ('prompt', 'adapter', 'learns'),
    [
        (None, None, 2_307),
        (PROMPT, None, 220_301),
        (None, GROUP, 3_541_251),
        (PROMPT, SHARED, 1_989_773),
    ],
)
def test_what_learns(prompt, adapter, learns):
    assert count_parameters(vit_b16(prompt, adapter))['trainable'] == learns


@pytest.mark.parametrize(
    ('prompt', 'adapter', 'more', 'learns'),
    [
        # 12 layers of 197 tokens, without the head of ImageNet's classes.
        (None, None, dict(freeze_vit=False), 85_798_656 + 2_307),
        # 50 prompts; all three branches of the adapter.
        (dict(type='VPTPrompt'), GROUP, {}, 2_307 + 5_308_416 + 50 * 768),
        (
            dict(type='VPTPrompt', deep=True),
            GROUP,
            {},
            2_307 + 5_308_416 + 12 * 50 * 768,
        ),
        # A is 8 x 768 and B 2304 x 8, in every layer.
        (PROMPT, None, dict(lora=LORA), 220_301 + 12 * 8 * (768 + 2304)),
        (PROMPT, GROUP, dict(adapter_start_layer=6), 220_301 + 5_308_416 // 2),
        # 49 places of 128 features to three numbers a prompt; three numbers to a token.
        (
            dict(PROMPT, spatial=True),
            GROUP,
            {},
            5_528_717 + 15 * (49 * 128 + 1) + 768 * (3 + 1),
        ),
    ],
)
def test_what_learns_in_the_other_tunings(prompt, adapter, more, learns):
    model = vit_b16(prompt, adapter, **more)
    assert count_parameters(model)['trainable'] == learns


def test_mpt_learns_5_5_million_of_91_and_takes_18_69_g():
    model = vit_b16(PROMPT, GROUP)
    assert count_parameters(model) == dict(trainable=5_528_717, total=91_327_373)
    assert count_parameters(model.backbone.prompt)['trainable'] == 217_994
    assert count_parameters(model.backbone.adapters)['trainable'] == 5_308_416
    assert count_multiply_adds(model) / 1e9 == pytest.approx(18.69, abs=0.005)
    slim, full = io.BytesIO(), io.BytesIO()
    torch.save(slim_state_dict(model), slim)
    torch.save(model.state_dict(), full)
    assert len(slim.getvalue()) / 1e6 == pytest.approx(22, abs=0.5)
    assert len(full.getvalue()) / 1e6 == pytest.approx(365, abs=1)


def tiny(prompt, adapter, **backbone):
    cfg = Config.fromfile('configs/_base_/models/mpt_vit-tiny.py').model
    cfg.backbone.vit.pop('init_cfg')
    cfg.backbone.prompt, cfg.backbone.adapter = prompt, adapter
    cfg.backbone.update(backbone)
    cfg.cls_head.num_classes = 3
    return MODELS.build(cfg)


def test_a_frozen_layer_below_what_learns_keeps_nothing():
    """Of a head alone a training step keeps next to nothing, of the whole ViT all."""
    head, late, mpt, full = (
        count_activation_bytes(model, 112)
        for model in (
            tiny(None, None),
            tiny(None, GROUP, adapter_start_layer=5),
            tiny(PROMPT, GROUP),
            tiny(None, None, freeze_vit=False),
        )
    )
    assert head < 0.01 * mpt
    assert head < late < 0.3 * mpt
    assert full > late


def test_a_cost_says_what_the_parts_say():
    model = tiny(PROMPT, GROUP).eval()
    found = cost(model, 112, repeats=3)
    assert (found.trainable, found.total) == (209_549, 1_504_397)
    assert found.multiply_adds == count_multiply_adds(model, 112)
    assert found.activation_bytes == count_activation_bytes(model, 112)
    assert found.latency_ms > 0
    assert not model.training


def test_prompts_that_are_plain_parameters_are_counted_too():
    """50 tokens more in every layer, and in attention with all others."""
    vpt = tiny(dict(type='VPTPrompt', num_prompts=50, deep=True), None)
    plain = tiny(None, None)
    layer = 50 * (4 * 128**2 + 2 * 128 * 512) + 2 * 128 * (100**2 - 50**2)
    more = count_multiply_adds(vpt, 112) - count_multiply_adds(plain, 112)
    assert more == 6 * layer
