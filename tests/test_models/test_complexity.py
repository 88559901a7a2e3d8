"""The figures a right build shows, for ViT-B/16 (and MPT's table V)."""

import io

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from mmaction_mer.engine import slim_state_dict
from mmaction_mer.models import count_multiply_adds, count_parameters

PROMPT = dict(type='MotionPrompt', num_prompts=5)
GROUP = dict(type='GroupAdapter', reduction=8)
SHARED = dict(type='PrimitiveAdapter', reduction=8)


def vit_b16(prompt, adapter):
    cfg = Config.fromfile('configs/_base_/models/mpt_vit-b16.py').model
    cfg.backbone.vit.pop('init_cfg')
    cfg.backbone.prompt, cfg.backbone.adapter = prompt, adapter
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
