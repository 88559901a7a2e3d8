"""Errors of the conversion name the file, the key, and what to do."""

import importlib.util
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from mmaction_mer.models.converters.convert import convert
from mmaction_mer.models.converters.files import read_weights
from mmaction_mer.models.converters.layout import ConversionError


@pytest.fixture
def refused(tmp_path, run_tool, config, capsys):
    """Convert a release that must be rejected; return the message."""

    def convert(release, *options, **vit):
        path = tmp_path / 'release.pth'
        if isinstance(release, dict):
            torch.save(release, path)
        else:
            path = release
        assert run_tool(path, config(**vit), *options) == 1
        assert not (tmp_path / 'out.pth').exists()
        message = capsys.readouterr().err
        assert message.startswith(f'error: {path}: ')
        return message

    return convert


@pytest.mark.parametrize(
    ('removed', 'added', 'words'),
    [
        (None, {'blocks.1.attn.gate': (4,)}, "first ['blocks.1.attn.gate']"),
        ('blocks.1.mlp.fc2.bias', {}, 'layers.1.ffn.layers.1.bias'),
        (None, {'dist_token': (1, 1, 32)}, 'distillation token'),
        (None, {'pos_embed': (1, 12, 32)}, 'pos_embed'),
        (None, {'pos_embed': (17,)}, "'pos_embed': has an invalid shape (17,)"),
    ],
)
def test_unknown_missing_and_malformed_keys(removed, added, words, small_timm, refused):
    state = dict(small_timm().state_dict())
    state.pop(removed, None)
    state |= {key: torch.zeros(shape) for key, shape in added.items()}
    assert words in refused(state)


def test_a_release_that_pools_patches_lacks_the_norm(small_timm, refused):
    message = refused(small_timm(global_pool='avg', fc_norm=True).state_dict())
    assert 'ln1.weight' in message and 'final_norm' in message


@pytest.mark.parametrize(
    ('vit', 'words'),
    [
        (dict(patch_size=16), 'patch_embed.proj.weight'),
        (dict(arch=dict(embed_dims=32, num_layers=1, num_heads=4,
                        feedforward_channels=64)), 'number of layers'),
        (dict(arch=dict(embed_dims=32, num_layers=3, num_heads=4,
                        feedforward_channels=64)), 'number of layers'),
        (dict(arch=dict(embed_dims=32, num_layers=2, num_heads=4,
                        feedforward_channels=96)), r'blocks.0.mlp.fc1.weight'),
        (dict(layer_scale_init_value=0.1), 'layer_scale_init_value'),
        (dict(pre_norm=True), 'pre_norm'),
        (dict(qkv_bias=False), 'qkv_bias'),
    ],
)  # fmt: skip
def test_another_vit_than_that_of_the_config(vit, words, small_timm, refused):
    assert words in refused(small_timm().state_dict(), **vit)


def test_a_scale_that_the_config_lacks(small_timm, refused):
    message = refused(small_timm(init_values=0.1).state_dict())
    assert 'layer_scale_init_value' in message and 'blocks.0.ls1.gamma' in message


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(reg_tokens=4), 'register tokens'),
        (dict(qk_norm=True), 'norms inside the attention layers'),
        (dict(global_pool='map', class_token=True), 'attention pooling'),
    ],
)
def test_unsupported_features(options, words, small_timm, refused):
    assert words in refused(small_timm(**options).state_dict())


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_values_that_are_not_finite(value, small_timm, refused):
    state = small_timm().state_dict()
    state['blocks.0.norm1.bias'][3] = value
    assert "'blocks.0.norm1.bias': has NaN" in refused(state)


def test_a_part_of_three_is_missing():
    anchor = 'embeddings.patch_embeddings.projection.weight'
    query = 'encoder.layer.0.attention.attention.query.bias'
    with pytest.raises(ConversionError, match='1 of the 3 parts'):
        convert({anchor: torch.zeros(1), query: torch.zeros(1)})


def test_the_same_weight_twice():
    names = ('ls1.gamma', 'gamma_1')
    state = {f'blocks.0.{name}': torch.zeros(1) for name in names}
    with pytest.raises(ConversionError) as error:
        convert(state | {'patch_embed.proj.weight': torch.zeros(1)})
    assert error.value.field == 'blocks.0.gamma_1'


def test_unknown_layouts(small_timm, refused):
    assert 'has an unknown layout' in refused({'conv.weight': torch.zeros(1)})
    own = {'backbone.patch_embed.projection.weight': torch.zeros(1)}
    message = refused(own)
    assert "has mmpretrain's layout" in message and "prefix='backbone'" in message
    forced = refused(small_timm().state_dict(), '--layout', 'clip')
    assert 'class_embedding (clip)' in forced


class Code:
    """An object whose unpickling calls code, here a harmless marker."""

    def __reduce__(self):
        return exec, ('import sys; sys.trace_of_a_pickle = True',)


def test_code_in_a_file_is_rejected_and_not_run(small_timm, refused, tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict=small_timm().state_dict(), more=Code()), path)
    message = refused(path)
    assert 'Nothing in it was run' in message
    assert 'save its state dict alone' in message
    path = tmp_path / 'evil.npz'
    np.savez(path, **{'embedding/kernel': np.array([Code()], dtype=object)})
    assert 'embedding/kernel' in refused(path)
    assert not hasattr(sys, 'trace_of_a_pickle')


def test_a_whole_model_is_rejected(small_timm, refused, tmp_path):
    path = tmp_path / 'model.pth'
    torch.save(nn.Linear(2, 2), path)
    assert 'contains more than weights' in refused(path)


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_the_hint_for_archives_of_openai_extracts_the_weights(
    small_timm, refused, tmp_path, run_tool, config
):
    path, weights = tmp_path / 'ViT.pt', tmp_path / 'ViT.weights.pth'
    model = small_timm()
    torch.jit.trace(model, torch.zeros(1, 3, 32, 32)).save(path)
    message = refused(path)
    assert 'TorchScript' in message
    command = message.splitlines()[-1].strip()
    code = command.removeprefix('python -c "').removesuffix('"')
    exec(code, {})  # the command in the hint works
    assert run_tool(weights, config()) == 0


@pytest.mark.parametrize('suffix', ['.pth', '.npz', '.safetensors'])
def test_truncated_files(suffix, refused, tmp_path):
    whole, path = tmp_path / f'whole{suffix}', tmp_path / f'part{suffix}'
    tensor = torch.zeros(64, 64)
    if suffix == '.pth':
        torch.save({'weight': tensor}, whole)
    elif suffix == '.npz':
        np.savez(whole, weight=tensor.numpy())
    else:
        importlib.import_module('safetensors.torch').save_file({'w': tensor}, whole)
    content = whole.read_bytes()
    for length in (0, len(content) // 2, len(content) - 30):
        path.write_bytes(content[:length])
        refused(path)
    damaged = bytearray(content)
    damaged[: len(content) // 2] = bytes(len(content) // 2)
    path.write_bytes(damaged)
    refused(path)


def test_files_without_weights(refused, tmp_path):
    assert 'no such file' in refused(tmp_path / 'nowhere.pth')
    path = tmp_path / 'list.pth'
    torch.save([torch.zeros(1)], path)
    assert 'contains no weights by name' in refused(path)
    assert "['epoch'] are not tensors" in refused({'epoch': 3, 'w': torch.zeros(1)})
    path = tmp_path / 'half.npz'
    np.savez(path, **{'embedding/kernel': np.zeros(4, dtype='V2')})
    assert 'bfloat16' in refused(path)


def test_without_safetensors(monkeypatch, tmp_path):
    path = tmp_path / 'model.safetensors'
    path.write_bytes(b'')
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ConversionError) as error:
        read_weights(path)
    assert error.value.hint == 'pip install safetensors'


def test_the_output_file(small_timm, run_tool, config, tmp_path, capsys):
    source, out = tmp_path / 'release.pth', tmp_path / 'out.pth'
    torch.save(small_timm().state_dict(), source)
    url = dict(checkpoint='https://example.org/vit.pth')
    assert run_tool(source, config(init_cfg=url)) == 1
    assert 'with --out' in capsys.readouterr().err
    assert run_tool(source, config(), '--out', source) == 1
    assert 'written over itself' in capsys.readouterr().err
    empty = tmp_path / 'empty.py'
    empty.write_text('')
    assert run_tool(source, empty) == 1
    assert 'model.backbone.vit' in capsys.readouterr().err
    assert run_tool(source, config()) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f'written {out}'
    before = out.read_bytes()
    torch.save({'conv.weight': torch.zeros(1)}, source)
    assert run_tool(source, config()) == 1
    assert out.read_bytes() == before
    torch.save(small_timm().state_dict(), source)
    assert run_tool(source, config(init_cfg=url), '--out', tmp_path / 'b.pth') == 0
    assert f"checkpoint='{tmp_path}/b.pth'" in capsys.readouterr().out


def test_archives_that_unpack_to_much_more_are_rejected(refused, tmp_path):
    path = tmp_path / 'bomb.npz'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open('w.npy', 'w', force_zip64=True) as file:
            shape = (400_000_000 // 4,)
            np.lib.format.write_array_header_1_0(
                file, dict(descr='<f4', fortran_order=False, shape=shape)
            )
            for _ in range(100):
                file.write(bytes(4_000_000))
    assert path.stat().st_size < 5_000_000
    assert 'would unpack to 400,0' in refused(path)


@pytest.mark.parametrize('header', [b"{'descr': (", b'{[]: 1}', b"{1: 1, 'a': 2}"])
def test_arrays_without_a_valid_header(refused, tmp_path, header):
    path, name = tmp_path / 'bad.npz', '\x1b[31m' + 'x' * 60_000
    head = header + b' ' * (117 - len(header)) + b'\n'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(f'{name}.npy', b'\x93NUMPY\x01\x00\x76\x00' + head)
    message = refused(path)
    assert '\x1b' not in message and len(message) < 1000


def test_archives_of_a_later_zip_version(refused, tmp_path):
    path = tmp_path / 'new.pth'
    torch.save({'w': torch.zeros(1)}, path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b'PK\x01\x02') + 6] = 99  # needs a later version of zip
    path.write_bytes(content)
    refused(path)


def test_arrays_that_declare_more_than_they_contain(refused, tmp_path):
    path = tmp_path / 'bomb.npz'
    with zipfile.ZipFile(path, 'w') as archive, archive.open('w.npy', 'w') as file:
        header = dict(descr='<f4', fortran_order=False, shape=(10**12,))
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(100))
    assert 'w.npy' in refused(path)
