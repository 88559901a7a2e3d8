"""Small models of every layout are detected, converted, and equal to the source."""

import numpy as np
import pytest
import torch
from open_clip.transformer import VisionTransformer as CLIPVision
from safetensors.torch import save_file
from timm.models import vision_transformer as timm_vit
from torch import nn

from mmaction_mer.models.converters.convert import convert, detect_layout
from mmaction_mer.models.converters.files import read_weights


def as_hugging_face(state, dinov2=False, prefix='vit.'):
    """Rename timm's keys to those that save_pretrained of transformers writes."""
    found = {}

    def put(name, source):
        for kind in ('weight', 'bias'):
            found[f'{prefix}{name}.{kind}'] = state[f'{source}.{kind}']

    found[f'{prefix}embeddings.cls_token'] = state['cls_token']
    found[f'{prefix}embeddings.position_embeddings'] = state['pos_embed']
    put('embeddings.patch_embeddings.projection', 'patch_embed.proj')
    put('layernorm', 'norm')
    for index in range(2):
        layer, block = f'encoder.layer.{index}', f'blocks.{index}'
        put(f'{layer}.' + ('norm1' if dinov2 else 'layernorm_before'), f'{block}.norm1')
        put(f'{layer}.' + ('norm2' if dinov2 else 'layernorm_after'), f'{block}.norm2')
        put(f'{layer}.attention.output.dense', f'{block}.attn.proj')
        put(
            f'{layer}.' + ('mlp.fc1' if dinov2 else 'intermediate.dense'),
            f'{block}.mlp.fc1',
        )
        put(f'{layer}.' + ('mlp.fc2' if dinov2 else 'output.dense'), f'{block}.mlp.fc2')
        for kind in ('weight', 'bias'):
            joined = state[f'{block}.attn.qkv.{kind}']
            names = ('query', 'key', 'value')
            for name, part in zip(names, joined.chunk(3), strict=True):
                key = f'{prefix}{layer}.attention.attention.{name}.{kind}'
                found[key] = part
        if dinov2:
            for number in (1, 2):
                key = f'{prefix}{layer}.layer_scale{number}.lambda1'
                found[key] = state[f'{block}.ls{number}.gamma']
    return found


def test_hugging_face_vit(small_timm, converted, config, assert_same, capsys):
    theirs = small_timm()
    release = as_hugging_face(theirs.state_dict())
    release['classifier.weight'] = theirs.head.weight
    release['vit.pooler.dense.bias'] = torch.zeros(32)
    release['decoder.decoder_pred.bias'] = torch.zeros(8)
    assert_same(converted(release, config()), theirs, theirs.head, 32)
    report = capsys.readouterr().out
    assert 'layout hugging-face (' in report
    for reason in ('classification head', 'pooler after', 'decoder of the'):
        assert f'1 keys, {reason}' in report


@pytest.mark.parametrize('prefix', ['', 'dinov2.'])
def test_hugging_face_dinov2(prefix, small_timm, converted, config, assert_same):
    theirs = small_timm(init_values=0.1)
    release = as_hugging_face(theirs.state_dict(), dinov2=True, prefix=prefix)
    release[f'{prefix}embeddings.mask_token'] = torch.zeros(1, 32)
    model = converted(release, config(layer_scale_init_value=0.1))
    assert_same(model, theirs, theirs.head, 32)


CLIP_VIT = dict(
    pre_norm=True,
    norm_cfg=dict(type='LN', eps=1e-5),
)


@pytest.fixture
def small_clip(randomise):
    return randomise(CLIPVision(32, 8, 32, 2, 4, 2, output_dim=6, act_layer=nn.GELU))


@pytest.mark.parametrize('prefix', ['', 'vision_model.'])
def test_hugging_face_clip(prefix, small_clip, converted, config, assert_same):
    state = small_clip.state_dict()
    found = {
        'embeddings.class_embedding': state['class_embedding'],
        'embeddings.position_embedding.weight': state['positional_embedding'],
        'embeddings.patch_embedding.weight': state['conv1.weight'],
        'embeddings.position_ids': torch.arange(17)[None],
    }
    pairs = [('pre_layrnorm', 'ln_pre'), ('post_layernorm', 'ln_post')]
    for index in range(2):
        layer, block = f'encoder.layers.{index}', f'transformer.resblocks.{index}'
        pairs += [
            (f'{layer}.layer_norm1', f'{block}.ln_1'),
            (f'{layer}.layer_norm2', f'{block}.ln_2'),
            (f'{layer}.self_attn.out_proj', f'{block}.attn.out_proj'),
            (f'{layer}.mlp.fc1', f'{block}.mlp.c_fc'),
            (f'{layer}.mlp.fc2', f'{block}.mlp.c_proj'),
        ]
        for kind in ('weight', 'bias'):
            parts = state[f'{block}.attn.in_proj_{kind}'].chunk(3)
            for name, part in zip('qkv', parts, strict=True):
                found[f'{layer}.self_attn.{name}_proj.{kind}'] = part
    for name, source in pairs:
        for kind in ('weight', 'bias'):
            found[f'{name}.{kind}'] = state[f'{source}.{kind}']
    release = {prefix + key: value for key, value in found.items()}
    if prefix:
        release['text_model.final_layer_norm.bias'] = torch.zeros(8)
        release['visual_projection.weight'] = state['proj'].T
        release['logit_scale'] = torch.zeros(())
    model = converted(release, config(**CLIP_VIT))
    assert_same(model, small_clip, lambda token: token @ small_clip.proj, 32)


def test_the_tower_of_clip_alone(small_clip, converted, config, assert_same):
    model = converted(small_clip.state_dict(), config(**CLIP_VIT))
    assert_same(model, small_clip, lambda token: token @ small_clip.proj, 32)


def test_timm_with_clips_norm(small_timm, converted, config, assert_same):
    theirs = small_timm(pre_norm=True, norm_layer=nn.LayerNorm)
    model = converted(theirs.state_dict(), config(**CLIP_VIT))
    assert_same(model, theirs, theirs.head, 32)


def test_deit_iii_has_no_position_for_its_class_token(
    small_timm, converted, config, assert_same
):
    theirs = small_timm(no_embed_class=True, init_values=0.1)
    release = {
        key.replace('ls1.gamma', 'gamma_1').replace('ls2.gamma', 'gamma_2'): value
        for key, value in theirs.state_dict().items()
    }
    model = converted(dict(model=release), config(layer_scale_init_value=0.1))
    assert_same(model, theirs, theirs.head, 32)


def google_arrays(big_vision, seed=0):
    """Draw random arrays with the names and axes of Google's layouts."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return (rng.standard_normal(shape) / 8).astype(np.float32) + 0.05

    attention, second, feed_forward = (0, 1, 0) if big_vision else (1, 2, 3)
    positions = 'pos_embedding'
    if not big_vision:
        positions = f'Transformer/posembed_input/{positions}'
    arrays = {
        'cls': draw(1, 1, 32),
        positions: draw(1, 17, 32),
        'embedding/kernel': draw(8, 8, 3, 32),
        'embedding/bias': draw(32),
        'Transformer/encoder_norm/scale': draw(32),
        'Transformer/encoder_norm/bias': draw(32),
        'head/kernel': draw(32, 5) * 8,
        'head/bias': draw(5),
    }
    for index in range(2):
        block = f'Transformer/encoderblock_{index}'
        heads = f'{block}/MultiHeadDotProductAttention_{attention}'
        for name in ('query', 'key', 'value'):
            arrays[f'{heads}/{name}/kernel'] = draw(32, 4, 8)
            arrays[f'{heads}/{name}/bias'] = draw(4, 8)
        arrays[f'{heads}/out/kernel'] = draw(4, 8, 32)
        arrays[f'{heads}/out/bias'] = draw(32)
        for number in (0, second):
            arrays[f'{block}/LayerNorm_{number}/scale'] = draw(32) + 1
            arrays[f'{block}/LayerNorm_{number}/bias'] = draw(32)
        dense = f'{block}/MlpBlock_{feed_forward}/Dense'
        arrays |= {
            f'{dense}_0/kernel': draw(32, 64),
            f'{dense}_0/bias': draw(64),
            f'{dense}_1/kernel': draw(64, 32),
            f'{dense}_1/bias': draw(32),
        }
    return arrays


@pytest.mark.parametrize('prefix', ['', 'opt/target/', 'params/'])
def test_google_npz_as_timm_reads_it(
    prefix, small_timm, converted, config, assert_same, tmp_path, capsys
):
    """The reference is timm's own reader of these files."""
    path = tmp_path / 'google.npz'
    arrays = google_arrays(big_vision=prefix == 'params/')
    np.savez(path, **{prefix + key: value for key, value in arrays.items()})
    theirs = small_timm()
    timm_vit._load_weights(theirs, str(path))
    assert torch.equal(theirs.head.bias, torch.from_numpy(arrays['head/bias']))
    assert_same(converted(path, config()), theirs, theirs.head, 32)
    assert 'layout google' in capsys.readouterr().out


def test_safetensors(small_timm, converted, config, assert_same, tmp_path):
    theirs = small_timm()
    path = tmp_path / 'model.safetensors'
    save_file(theirs.state_dict(), path)
    assert_same(converted(path, config()), theirs, theirs.head, 32)


def test_prefixes_of_parallel_training_are_removed(small_timm, tmp_path):
    state = small_timm().state_dict()
    path = tmp_path / 'wrapped.pth'
    wrapped = {f'module.{key}': value for key, value in state.items()}
    torch.save(dict(epoch=3, state_dict=wrapped), path)
    assert list(read_weights(path)) == list(state)


def test_a_layout_can_be_forced():
    both = {'class_embedding': torch.zeros(4), 'patch_embed.proj.weight': 0}
    assert detect_layout(both)[0].name == 'timm'
    assert detect_layout(both, 'clip')[0].name == 'clip'


def test_a_copy_is_converted_and_the_source_stays(small_timm):
    state = small_timm().state_dict()
    before = {key: value.clone() for key, value in state.items()}
    for value in convert(state).state.values():
        value.zero_()
    assert all(torch.equal(state[key], before[key]) for key in state)


def test_positions_of_another_resolution_are_resized_once_at_loading(
    small_timm, converted, config, images
):
    """As mmpretrain's ViT resizes them at each forward; 7 x 7 patches become 4 x 4."""
    theirs = small_timm(img_size=56)
    native = converted(theirs.state_dict(), config(img_size=56))
    resized = converted(theirs.state_dict(), config(img_size=32))
    assert native.vit.pos_embed.shape == (1, 50, 32)
    assert resized.vit.pos_embed.shape == (1, 17, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            resized(images(32)), native(images(32)), rtol=1e-5, atol=1e-5
        )
        wrong = resized.vit.pos_embed.roll(1, 1)
        resized.vit.pos_embed.copy_(wrong)
        assert (resized(images(32)) - native(images(32))).abs().max() > 1e-3
