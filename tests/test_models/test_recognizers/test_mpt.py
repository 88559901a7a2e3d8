"""The recognizer through all its modes, and its slim checkpoints."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.runner import load_checkpoint

from mmaction_mer.models import count_parameters
from mmaction_mer.models.utils.slim_checkpoint import slim_state_dict

TINY = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)


def build(seed=0, vit_seed=0, prompts=3):
    torch.manual_seed(vit_seed)
    vit = MODELS.build(
        dict(type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, patch_size=16)
    )
    vit.init_weights()
    torch.manual_seed(seed)
    model = MODELS.build(
        dict(
            type='MPTRecognizer',
            backbone=dict(
                type='MPTViT',
                vit=dict(
                    type='mmpretrain.VisionTransformer',
                    arch=TINY,
                    img_size=64,
                    patch_size=16,
                ),
                prompt=dict(type='MotionPrompt', num_prompts=prompts, channels=8)
                if prompts
                else None,
                adapter=dict(type='GroupAdapter', reduction=8),
            ),
            cls_head=dict(
                type='TimeSformerHead',
                num_classes=3,
                in_channels=32,
                topk=(1,),
                average_clips='prob',
            ),
        )
    )
    model.backbone.vit.load_state_dict(vit.state_dict())
    return model


def batch(size=4):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (size, 16, 3, 64, 64), generator=generator)
    samples = []
    for index in range(size):
        sample = ActionDataSample(metainfo=dict(fps=50.0, clip=f'c{index}'))
        samples.append(sample.set_gt_label(index % 3))
    return dict(inputs=dict(clip=list(clips.to(torch.uint8))), data_samples=samples)


def logits(model):
    data = model.data_preprocessor(batch())
    with torch.no_grad():
        return model.eval()(**data, mode='tensor', stage='head')


def test_all_modes():
    model = build()
    data = model.data_preprocessor(batch())
    losses = model(**data, mode='loss')
    assert losses['loss_cls'].requires_grad
    with torch.no_grad():
        predictions = model.eval()(**data, mode='predict')
    assert len(predictions) == 4
    assert predictions[0].pred_score.sum() == pytest.approx(1, abs=1e-5)
    assert model(**data, mode='tensor').shape == (4, 32)
    assert logits(model).shape == (4, 3)


def test_logits_without_prompts_equal_the_plain_vit():
    model = build(prompts=0).eval()
    data = model.data_preprocessor(batch())
    plain = model.cls_head(model.backbone.vit(data['inputs']['image'])[-1])
    torch.testing.assert_close(logits(model), plain, rtol=1e-5, atol=1e-6)


def test_it_learns_through_train_step():
    model = build().train()
    from mmengine.optim import OptimWrapper

    learns = [p for p in model.parameters() if p.requires_grad]
    optimizer = OptimWrapper(torch.optim.Adam(learns, lr=1e-2))
    losses = [model.train_step(batch(), optimizer)['loss'].item() for _ in range(30)]
    assert losses[-1] < 0.2 * losses[0]


def test_slim_checkpoints_reload_with_identical_logits(tmp_path):
    trained = build(seed=1)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    state = slim_state_dict(trained)
    learned = sum(v.numel() for k, v in state.items() if 'fingerprint' not in k)
    assert learned == count_parameters(trained)['trainable']
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=state), path)
    fresh = build(seed=2)
    assert not torch.equal(logits(fresh), logits(trained))
    load_checkpoint(fresh, str(path), map_location='cpu')
    assert torch.equal(logits(fresh), logits(trained))


def test_slim_checkpoints_refuse_another_backbone(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=slim_state_dict(build())), path)
    with pytest.raises(RuntimeError, match='frozen'):
        load_checkpoint(build(vit_seed=5), str(path), map_location='cpu')
