"""What a packed model may be built of: nothing in it opens a path, a URL, a module."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmaction_mer.engine.ablation import read_table
from mmaction_mer.engine.ablation_trials import plan_trials
from mmaction_mer.inference.allowed_parts import PARTS, check_parts
from mmaction_mer.inference.schema import NotAllowedError

CONFIGS = sorted(Path('configs').glob('*.py'))
HOSTILE = [
    *('/etc/passwd', '../x.pth', 'x.pth', 'harm', 'os.system', 'mmengine.call_command'),
    *('https://download.openmmlab.com/x.pth', 'http://127.0.0.1:9/x.pth', 's3://a/b'),
    *('file:///etc/passwd', 'mmaction_mer://../x.pth', 'mmaction_mer://gone.pth'),
    *('torchvision://resnet18', 'open-mmlab://x', 'x' * 10_000, b'/etc/passwd'),
    *(float('nan'), float('inf'), -1e300, 10**30, 1j),
    *({'type': 'mmengine.call_command', 'cmd': ['touch', 'harm']}, {'a': {'b': 'c'}}),
    *([['os.system']], {'type': 'Pretrained', 'checkpoint': '/etc/passwd'}, object()),
]


def packed_parts(cfg):
    """Model and test pipeline of a config, as plain Python."""
    cfg.model.cls_head.num_classes = 3
    steps = [step.to_dict() for step in cfg.test_dataloader.dataset.pipeline]
    return cfg.model.to_dict(), steps


@pytest.fixture(scope='module')
def shipped():
    """Model and pipeline of each config that trains a recognizer, by its name.

    The rows of the ablation tables are among them.
    """
    read = {path.stem: Config.fromfile(path) for path in CONFIGS}
    found = {name: cfg for name, cfg in read.items() if 'test_dataloader' in cfg}
    for path in sorted(Path('configs/ablations').glob('*.py')):
        trials = plan_trials(read_table(path), Path())
        found |= {trial.row.name: trial.cfg for trial in trials}
    return {name: packed_parts(cfg) for name, cfg in found.items()}


def starts(value):
    """Every file that something in a config starts from."""
    if isinstance(value, dict):
        own = [value['checkpoint']] if 'checkpoint' in value else []
        return own + [one for inner in value.values() for one in starts(inner)]
    return []


def leaves(value, place=()):
    """Where a config holds a value that is no dictionary and no list."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list | tuple)
        else None
    )
    if inner is None:
        yield place
    else:
        yield place
        for key, one in inner:
            yield from leaves(one, (*place, key))


def put(value, place, new):
    """A copy with another value at a place."""
    if not place:
        return new
    key, *rest = place
    if isinstance(value, dict):
        return {**value, key: put(value[key], rest, new)}
    changed = list(value)
    changed[key] = put(value[key], rest, new)
    return type(value)(changed)


def test_what_starts_from_nobodys_own_file_can_be_packed(shipped):
    packable = 0
    for model, pipeline in shipped.values():
        if any('://' not in one for one in starts(model)):
            with pytest.raises(NotAllowedError):
                check_parts(model, pipeline)
        else:
            check_parts(model, pipeline)
            packable += 1
    assert packable >= 30


@pytest.mark.parametrize('name', PARTS)
def test_no_argument_takes_a_path_an_address_or_a_module(name):
    for argument, check in PARTS[name].arguments.items():
        for value in HOSTILE:
            for given in (value, [value], (value, value), [value] * 3):
                with pytest.raises(NotAllowedError) as caught:
                    check(given, argument)
                assert len(str(caught.value)) < 800


def test_no_place_of_a_config_takes_one(shipped):
    chosen = ('mpt_vit-tiny_synthme', 'miacnet-imagenet_casme2', 'LoRA alone',
              'tsn_r18_rank-pooling_synthme', 'VPT-Deep')  # fmt: skip
    for name in chosen:
        whole = list(shipped[name])
        places = list(leaves(whole))
        assert len(places) > 40
        for place in places:
            for value in HOSTILE:
                with pytest.raises(NotAllowedError):
                    check_parts(*put(whole, place, value)) if place else check_parts(
                        value, value
                    )


@pytest.mark.parametrize('key', ['_scope_', '_delete_', 'pretrained', 'io_backend', 3])
def test_no_place_of_a_config_takes_another_argument(shipped, key):
    whole = list(shipped['mpt_vit-tiny_synthme'])
    for place in leaves(whole):
        inner = whole
        for step in place:
            inner = inner[step]
        if isinstance(inner, dict):
            with pytest.raises(NotAllowedError):
                check_parts(*put(whole, place, {**inner, key: 'os'}))


LOAD, PACK = dict(type='LoadMERFrames'), dict(type='PackMERInputs')
STILL = dict(type='StabilizeHead')


@pytest.mark.parametrize(
    'steps',
    [
        [],
        [LOAD],
        [PACK, PACK],
        [LOAD, LOAD, LOAD],
        [LOAD, LOAD, PACK],
        [LOAD, dict(type='DecordInit'), PACK],
        [LOAD, *[STILL] * 20, PACK],
    ],
)
def test_a_pipeline_reads_once_and_packs_once(shipped, steps):
    model, _ = shipped['mpt_vit-tiny_synthme']
    with pytest.raises(NotAllowedError):
        check_parts(model, steps)


def test_another_class_by_the_name_of_a_part_is_not_built(shipped, monkeypatch):
    from mmaction.registry import MODELS

    model, pipeline = shipped['mpt_vit-tiny_synthme']
    check_parts(model, pipeline)
    monkeypatch.setitem(MODELS.module_dict, 'MPTViT', os.system)
    with pytest.raises(NotAllowedError):
        check_parts(model, pipeline)


# Every part, built and watched

BUILD = """
import json, sys
import numpy as np
import mmaction_mer, torch
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from mmaction_mer.inference.allowed_parts import check_parts
from mmaction_mer.inference.packing import Packer
from mmaction_mer.utils import quiet
watching, seen = False, []
KINDS = ('open', 'import', 'subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn',
         'os.fork', 'socket.connect', 'socket.getaddrinfo', 'urllib.Request', 'exec',
         'ctypes.dlopen', 'os.mkdir', 'os.remove', 'os.rename', 'os.chmod')
def watch(event, arguments):
    opened = event == 'open' and isinstance(arguments[0], int)  # a file that is open
    if watching and event in KINDS and not opened:
        seen.append([event, str(arguments[0] if arguments else '')[:300]])
sys.addaudithook(watch)
init_default_scope('mmaction')
frames = np.zeros((6, 64, 64, 3), np.uint8)
def build(model, pipeline):
    check_parts(model, pipeline)
    with quiet():
        MODELS.build(json_copy(model))
    Packer(pipeline, 'x')
def json_copy(value):
    if isinstance(value, dict):
        return {key: json_copy(one) for key, one in value.items()}
    return value
models = json.load(sys.stdin)
for model, pipeline in models:
    for step in pipeline:
        if 'scale' in step:
            step['scale'] = tuple(step['scale'])
# Python and torch load some of their own parts when they are first used.
torch.nn.Linear(2, 2), torch.nn.Conv2d(2, 2, 1), torch.zeros(2).normal_().isfinite()
build(*models[0])
watching = True
for model, pipeline in models[1:]:
    build(model, pipeline)
watching = False
print(json.dumps(seen))
"""


def everything():
    """Small models that between them ask for every part with every argument."""
    head = dict(
        num_classes=3, in_channels=32, multi_class=False, label_smooth_eps=0.1,
        topk=1, average_clips='prob', init_std=0.01, dropout_ratio=0.5, init_cfg=None,
        loss_cls=dict(type='CrossEntropyLoss', loss_weight=1.0, class_weight=[1.0] * 3),
    )  # fmt: skip
    none = dict(train_cfg=None, test_cfg=None, neck=None)
    norm = dict(type='GN', num_groups=4, eps=1e-5, requires_grad=True)
    band = dict(
        alpha=20.0, low=0.4, high=4.0, order=1, kind='zero-phase', steady=True,
        keep_residual=True,
    )  # fmt: skip
    arch = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
    vit = dict(
        type='mmpretrain.VisionTransformer', arch=arch, img_size=64, patch_size=16,
        in_channels=3, drop_rate=0.0, drop_path_rate=0.1, qkv_bias=True,
        norm_cfg=dict(type='LN', eps=1e-6, requires_grad=True), final_norm=True,
        interpolate_mode='bicubic', layer_scale_init_value=1e-5, pre_norm=True,
        layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU')), init_cfg=None,
    )  # fmt: skip
    shipped_vit = dict(
        type='mmpretrain.VisionTransformer', img_size=112, patch_size=16,
        arch=dict(embed_dims=128, num_layers=6, num_heads=4, feedforward_channels=512),
        init_cfg=dict(
            type='Pretrained', checkpoint='mmaction_mer://vit-tiny_synthme.pth',
            prefix=None,
        ),
    )  # fmt: skip
    gelu = {**vit, 'layer_cfgs': dict(act_cfg=dict(type='GELU'))}
    crop = dict(crop=48, flip=0.5)
    colours = dict(mean=[1.0, 2.0, 3.0], std=[1.0, 2.0, 3.0])
    mer = dict(
        type='MERDataPreprocessor',
        motion_std=127.5,
        augmentation=crop,
        **colours,
        **band,
    )
    motion = dict(
        type='MotionPrompt', num_prompts=5, length=16, channels=8, patch_size=16,
        in_channels=3, eps=0.01, gelu=True, spatial=True, init_cfg=None,
    )  # fmt: skip
    vpt = dict(type='VPTPrompt', num_prompts=3, deep=True, patch_size=16, init_cfg=None)
    group = dict(type='GroupAdapter', reduction=8, share_means=True, init_cfg=None)
    single = dict(type='PrimitiveAdapter', reduction=8, init_cfg=None)
    resnet = dict(
        type='mmpretrain.ResNet', depth=18, stem_channels=8, base_channels=8,
        out_indices=[0, 1, 2, 3], norm_cfg=norm, norm_eval=False, init_cfg=None,
    )  # fmt: skip
    batch = {**resnet, 'norm_cfg': dict(type='BN', eps=1e-5, requires_grad=True)}
    miac = dict(
        type='MIACNet', branch=resnet, width=8, code_channels=4, grid=7, features=2,
        gain=8.0, decoupled=True, init_cfg=None,
    )  # fmt: skip
    keys = dict(
        type='KeyFramePreprocessor', frames=['onset', 'apex', 'offset'], **colours,
        missing_apex='middle', augmentation=crop,
    )  # fmt: skip

    def mpt(**backbone):
        tuned = dict(type='MPTViT', freeze_vit=True, init_cfg=None, **backbone)
        last = dict(type='TimeSformerHead', **head)
        return dict(
            type='MPTRecognizer', backbone=tuned, cls_head=last, data_preprocessor=mer,
            **none,
        )  # fmt: skip

    load = dict(type='LoadMERFrames', max_frames=16)
    meta = dict(meta_keys=['clip', 'fps'])
    steps = [
        load,
        dict(type='StandardizeLength', length=16, average=True),
        dict(type='StabilizeHead'),
        dict(type='CenterCrop', crop_size=48),
        dict(type='Resize', scale=[64, 64], keep_ratio=False, interpolation='bilinear'),
        dict(
            type='EulerianMagnification', cutoff_wavelength=8.0, output='motion',
            fps=100.0, **band,
        ),
        dict(type='RankPooling', steady=True, output='rank_image'),
        dict(type='PackMERInputs', fps=100.0, **meta),
    ]  # fmt: skip
    rest = [load, dict(type='FormatShape', input_format='NCHW')]
    rest.append(dict(type='PackActionInputs', **meta))
    wide = {**head, 'in_channels': 2 * 2 * 49}
    action = dict(
        type='ActionDataPreprocessor', to_rgb=False, format_shape='NCHW', **colours
    )
    stock = dict(
        type='Recognizer2D', cls_head=dict(type='TSNHead', **head), **none,
        backbone=dict(type='ResNet', depth=18, pretrained=None, norm_eval=False),
        data_preprocessor=action,
    )  # fmt: skip

    def pair(branch):
        return dict(
            type='MIACRecognizer', backbone={**miac, 'branch': branch}, **none,
            cls_head=dict(type='TimeSformerHead', **wide), data_preprocessor=keys,
        )  # fmt: skip

    lora = dict(rank=2, alpha=4.0)
    return [
        [mpt(vit=shipped_vit), steps],  # built once before anybody watches
        [mpt(vit=vit, prompt=motion, adapter=group, adapter_from=1), steps],
        [mpt(vit=gelu, prompt=vpt, adapter=single, lora=lora), steps],
        [mpt(vit=shipped_vit), rest],
        [pair(resnet), steps],
        [pair(batch), steps],
        [stock, rest],
    ]


def asked(value, found):
    """Every part that is asked for, with the arguments it is given."""
    if isinstance(value, dict):
        if value.get('type') in PARTS:
            found.setdefault(value['type'], set()).update(value.keys() - {'type'})
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            asked(one, found)
    return found


def test_no_part_opens_a_file_or_imports_anything():
    models = everything()
    found = asked(copy.deepcopy(models), {})
    assert {name: set(part.arguments) for name, part in PARTS.items()} == found
    done = subprocess.run(
        [sys.executable, '-c', BUILD],
        input=json.dumps(models),
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    opened = {Path(path).parent.name for event, path in seen if event == 'open'}
    assert opened == {'weights'}
    assert [one for one in seen if one[0] != 'open'] == []
