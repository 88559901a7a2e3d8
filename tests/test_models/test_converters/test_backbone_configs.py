"""The configs of the backbones agree with mmpretrain's for the same releases."""

from pathlib import Path

import mmpretrain
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.fileio import load
from open_clip.transformer import VisionTransformer
from paths import CONFIGS

THEIRS = Path(mmpretrain.__file__).parent / '.mim' / 'configs'
NAMES = [
    'vit-b16', 'vit-b32', 'clip-b16', 'clip-b32', 'deit-b16', 'mae-b16', 'dinov2-b14',
    'farl-b16',
]  # fmt: skip


def keys_and_shapes(vit):
    vit = {key: value for key, value in vit.items() if key != 'init_cfg'}
    with torch.device('meta'):
        state = MODELS.build(vit).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


@pytest.mark.parametrize(
    ('name', 'folder', 'config'),
    [
        ('vit-b32', None, '_base_/models/vit-base-p32.py'),
        ('deit-b16', 'deit', 'deit/deit-base_16xb64_in1k.py'),
        ('mae-b16', 'mae', 'mae/mae_vit-base-p16_8xb512-amp-coslr-1600e_in1k.py'),
        ('dinov2-b14', 'dinov2', 'dinov2/vit-base-p14_dinov2-pre_headless.py'),
    ],
)
def test_hosted_weights_have_all_that_the_config_needs(name, folder, config):
    """By the model that mmpretrain reads the same file into."""
    ours = Config.fromfile(CONFIGS / f'mpt_{name}_smic.py').model
    init = ours.backbone.vit.init_cfg
    assert init.prefix == 'backbone'
    if folder is not None:
        weights = [model.get('Weights') for model in load(THEIRS / folder /
                   'metafile.yml')['Models']]  # fmt: skip
        assert init.checkpoint in weights
    theirs = Config.fromfile(THEIRS / config)
    backbone = dict(theirs.model.backbone)
    backbone['type'] = f'mmpretrain.{backbone["type"]}'
    hosted = keys_and_shapes(backbone)
    for key, shape in keys_and_shapes(ours.backbone.vit).items():
        if key == 'pos_embed' and name == 'dinov2-b14':
            assert hosted[key] == (1, 1 + 37 * 37, 768)
            assert shape == (1, 1 + 16 * 16, 768)
        else:
            assert hosted[key] == shape, key
    wanted = theirs.get('data_preprocessor') or theirs.model.get('data_preprocessor')
    if wanted and name != 'vit-b32':
        assert list(ours.data_preprocessor.mean) == list(wanted['mean'])
        assert list(ours.data_preprocessor.std) == list(wanted['std'])


@pytest.mark.parametrize('name', ['clip-b16', 'clip-b32', 'farl-b16'])
def test_clip_is_built_as_mmpretrain_builds_it(name):
    ours = Config.fromfile(CONFIGS / f'mpt_{name}_smic.py').model
    theirs = Config.fromfile(THEIRS / 'clip' / 'clip_vit-base-p16_zeroshot-cls_in1k.py')
    for key in ('mean', 'std'):
        assert list(ours.data_preprocessor[key]) == pytest.approx(
            theirs.data_preprocessor[key], abs=1e-4
        )
    tower = theirs.model.vision_backbone
    activation = tower.layer_cfgs.act_cfg.type
    assert ours.backbone.vit.layer_cfgs.act_cfg.type == f'mmpretrain.{activation}'
    assert ours.backbone.vit.pre_norm == tower.pre_norm
    # Too small to show in logits; mmpretrain's config leaves 1e-6 there.
    with torch.device('meta'):
        clip = VisionTransformer(32, 8, 32, 1, 4, 2)
        vit = MODELS.build({k: v for k, v in ours.backbone.vit.items()
                            if k != 'init_cfg'})  # fmt: skip
    for norm in (vit.pre_norm, vit.layers[0].ln1, vit.layers[-1].ln2, vit.ln1):
        assert norm.eps == clip.ln_pre.eps == clip.ln_post.eps


@pytest.mark.parametrize('name', NAMES)
def test_a_backbone_changes_only_what_differs(name):
    ours = Config.fromfile(CONFIGS / f'mpt_{name}_smic.py').model.to_dict()
    first = Config.fromfile(CONFIGS / 'mpt_vit-b16_smic.py').model.to_dict()
    for model in (ours, first):
        for key in ('mean', 'std'):
            model['data_preprocessor'].pop(key)
        vit = model['backbone'].pop('vit')
        assert (vit['type'], vit['arch'], vit['img_size']) == (
            'mmpretrain.VisionTransformer', 'b', 224)  # fmt: skip
    assert ours == first


@pytest.mark.parametrize('name', ['clip-b16', 'clip-b32', 'farl-b16'])
def test_without_the_checkpoint_the_error_names_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backbone = Config.fromfile(CONFIGS / f'mpt_{name}_smic.py').model.backbone
    with pytest.raises(FileNotFoundError, match=r'checkpoints/\w+-b\d+_\w+\.pth'):
        MODELS.build(backbone)


def test_the_docs_name_every_backbone():
    text = (CONFIGS.parent / 'docs' / 'backbones.md').read_text()
    for path in (CONFIGS / '_base_' / 'models').glob('mpt_*-b*.py'):
        assert f'`{path.stem}`' in text
        checkpoint = Config.fromfile(path).model.backbone.vit.init_cfg.checkpoint
        assert checkpoint.rsplit('/', 1)[-1] in text
