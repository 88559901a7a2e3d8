"""Models of other projects with random weights: our logits are theirs.

ViT-B/16 is of full size; the others have the width, patches, norms and scales of the
configs, and two layers.
"""

import pytest
import timm
import torch
from mmengine.config import Config
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.transformer import QuickGELU, VisionTransformer
from paths import CONFIGS

from mmaction_mer.models import MPTViT


def test_full_size_logits_are_those_of_timm(randomise, converted, assert_same, capsys):
    theirs = timm.create_model('vit_base_patch16_224', num_classes=10)
    theirs = randomise(theirs)
    model = converted(theirs.state_dict(), CONFIGS / 'mpt_vit-b16_smic.py')
    assert len(model.vit.layers) == 12
    assert_same(model, theirs, theirs.head, 224)
    report = capsys.readouterr().out
    assert 'used    150 keys: 150 weights' in report
    assert 'unused  2 keys, classification head: head.weight, head.bias' in report


def test_logits_are_those_of_open_clip(
    randomise, converted, cut_config, assert_same, capsys
):
    """Both towers in one file, as OpenAI's state dict has them, in half precision."""
    theirs = CLIP(
        512,
        CLIPVisionCfg(layers=2, width=768, patch_size=32),
        CLIPTextCfg(vocab_size=100, width=64, heads=2, layers=1),
        quick_gelu=True,
    )
    theirs = randomise(theirs).half().float()
    release = {key: value.half() for key, value in theirs.state_dict().items()}
    release['input_resolution'] = torch.tensor(224)
    model = converted(release, cut_config('mpt_clip-b32'))
    assert_same(model, theirs.visual, lambda token: token @ theirs.visual.proj, 224)
    report = capsys.readouterr().out
    assert 'layout clip' in report
    assert 'text tower: positional_embedding' in report
    assert '1 keys, projection to the text space: visual.proj' in report


@pytest.mark.parametrize(
    ('name', 'config', 'beside', 'reasons'),
    [
        ('vit_base_patch32_224', 'mpt_vit-b32', [], []),
        ('deit_base_patch16_224', 'mpt_deit-b16', [], []),
        (
            'vit_base_patch14_dinov2',
            'mpt_dinov2-b14',
            ['mask_token'],
            ['1 keys, mask token of the pre-training: mask_token'],
        ),
        (
            'vit_base_patch16_224',
            'mpt_mae-b16',
            ['mask_token', 'decoder_embed.weight', 'decoder_blocks.0.norm1.bias'],
            ['mask token of the pre-training', '2 keys, decoder of the pre-training'],
        ),
    ],
)
def test_logits_of_vit_deit_dinov2_and_mae(
    name, config, beside, reasons, randomise, converted, cut_config, assert_same, capsys
):
    theirs = timm.create_model(name, num_classes=10, depth=2, img_size=224)
    theirs = randomise(theirs)
    release = dict(theirs.state_dict()) | dict.fromkeys(beside, torch.zeros(768))
    # DINOv2 is released bare, the others inside an entry.
    release = release if 'dinov2' in name else dict(model=release)
    model = converted(release, cut_config(config))
    assert_same(model, theirs, theirs.head, 224)
    report = capsys.readouterr().out
    assert 'layout timm' in report
    assert all(reason in report for reason in reasons)


def test_logits_of_farl(
    randomise, converted, cut_config, assert_same, images, tmp_path, capsys
):
    """CLIP's tower beside the masked-image branch; its activation matters."""
    theirs = randomise(
        VisionTransformer(224, 16, 768, 2, 12, 4, output_dim=512, act_layer=QuickGELU)
    )
    release = {f'visual.{key}': value for key, value in theirs.state_dict().items()}
    for key in ('ln_lm.bias', 'lm_head.bias', 'lm_transformer.resblocks.0.ln_1.bias'):
        release[f'visual.{key}'] = torch.zeros(768)
    release['visual.mask_token'] = torch.zeros(768)
    config = cut_config('mpt_farl-b16')
    model = converted(dict(state_dict=release, epoch=16), config)
    assert_same(model, theirs, lambda token: token @ theirs.proj, 224)
    assert '3 keys, masked-image branch of FaRL' in capsys.readouterr().out
    vit = Config.fromfile(config).model.backbone.vit.to_dict()
    vit.pop('layer_cfgs')
    vit['init_cfg']['checkpoint'] = str(tmp_path / 'converted.pth')
    with torch.no_grad():
        other = MPTViT(vit=vit).eval()(images(224)) @ theirs.proj
        assert (other - theirs(images(224))).abs().max() > 1e-2
