"""Nothing in a packed model opens a path, an address or a module."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmaction_mer.ablation import plan_table, read_table
from mmaction_mer.apis.allowed_types import ALLOWED_TYPES, check_config
from mmaction_mer.apis.schema import NotAllowedError

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


@pytest.fixture(scope='module')
def shipped():
    """Model and test pipeline of each recognizer of configs and tables, by its name."""
    found = {path.stem: Config.fromfile(path) for path in CONFIGS}
    for path in sorted(Path('configs/ablations').glob('*.py')):
        trials = plan_table(read_table(path), Path()).trials
        found |= {trial.row.name: trial.cfg for trial in trials}
    shipped = {}
    for name, cfg in found.items():
        if 'test_dataloader' in cfg:
            cfg.model.cls_head.num_classes = 3
            steps = [step.to_dict() for step in cfg.test_dataloader.dataset.pipeline]
            shipped[name] = cfg.model.to_dict(), steps
    return shipped


def checkpoints(value):
    """Return every file that a part of a config starts from."""
    if isinstance(value, dict):
        own = [value['checkpoint']] if 'checkpoint' in value else []
        return own + [one for inner in value.values() for one in checkpoints(inner)]
    return []


def places(value, place=()):
    """Yield the place of every value in a config."""
    yield place
    if isinstance(value, dict | list | tuple):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inner:
            yield from places(one, (*place, key))


def put(value, place, new):
    """Return a copy with another value at a place."""
    if not place:
        return new
    key, *rest = place
    if isinstance(value, dict):
        return {**value, key: put(value[key], rest, new)}
    changed = list(value)
    changed[key] = put(value[key], rest, new)
    return type(value)(changed)


def test_configs_that_start_from_known_files_can_be_packed(shipped):
    packable = 0
    for model, pipeline in shipped.values():
        if any('://' not in one for one in checkpoints(model)):
            with pytest.raises(NotAllowedError):
                check_config(model, pipeline)
        else:
            check_config(model, pipeline)
            packable += 1
    assert packable >= 20


@pytest.mark.parametrize('name', ALLOWED_TYPES)
def test_no_argument_takes_a_path_an_address_or_a_module(name):
    for argument, check in ALLOWED_TYPES[name].arguments.items():
        for value in HOSTILE:
            for given in (value, [value], (value, value), [value] * 3):
                with pytest.raises(NotAllowedError) as caught:
                    check(given, argument)
                assert len(str(caught.value)) < 800


def test_no_place_of_a_config_takes_one(shipped):
    chosen = ('mpt_vit-tiny_synthme', 'tsn_r18_rank-pooling_synthme', 'miacnet_synthme')
    for name in chosen:
        whole = shipped[name]
        assert len(list(places(whole))) > 40
        for place in places(whole):
            for value in HOSTILE if place else ():
                with pytest.raises(NotAllowedError):
                    check_config(*put(whole, place, value))


@pytest.mark.parametrize('key', ['_scope_', '_delete_', 'pretrained', 'io_backend', 3])
def test_no_place_of_a_config_takes_another_argument(shipped, key):
    whole = shipped['mpt_vit-tiny_synthme']
    for place in places(whole):
        inner = whole
        for step in place:
            inner = inner[step]
        if isinstance(inner, dict):
            with pytest.raises(NotAllowedError):
                check_config(*put(whole, place, {**inner, key: 'os'}))


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
def test_a_pipeline_loads_once_and_packs_once(shipped, steps):
    model, _ = shipped['mpt_vit-tiny_synthme']
    with pytest.raises(NotAllowedError):
        check_config(model, steps)


def test_another_class_by_an_allowed_name_is_not_built(shipped, monkeypatch):
    from mmaction.registry import MODELS

    model, pipeline = shipped['mpt_vit-tiny_synthme']
    check_config(model, pipeline)
    monkeypatch.setitem(MODELS.module_dict, 'MPTViT', os.system)
    with pytest.raises(NotAllowedError):
        check_config(model, pipeline)


BUILD = """
import copy, json, sys
import mmaction_mer, torch
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from mmaction_mer.apis.allowed_types import check_config
from mmaction_mer.apis.clip_pipeline import ClipPipeline
from mmaction_mer.utils.quiet import quiet
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
def build(model, pipeline):
    check_config(model, pipeline)
    with quiet():
        MODELS.build(copy.deepcopy(model))
    ClipPipeline(pipeline, 'x')
models = json.load(sys.stdin)
for model, pipeline in models:
    for step in pipeline:
        if 'scale' in step:
            step['scale'] = tuple(step['scale'])
# Python and torch load some modules when they are first used.
torch.nn.Linear(2, 2), torch.nn.Conv2d(2, 2, 1), torch.zeros(2).normal_().isfinite()
build(*models[0])
watching = True
for model, pipeline in models[1:]:
    build(model, pipeline)
watching = False
print(json.dumps(seen))
"""


def everything():
    """Return small models that use all types with all arguments between them."""
    head = dict(
        num_classes=3, in_channels=32, multi_class=False, label_smooth_eps=0.1,
        topk=1, average_clips='prob', init_std=0.01, dropout_ratio=0.5, init_cfg=None,
        loss_cls=dict(type='CrossEntropyLoss', loss_weight=1.0, class_weight=[1.0] * 3),
    )  # fmt: skip
    none = dict(train_cfg=None, test_cfg=None, neck=None)
    norm = dict(type='GN', num_groups=4, eps=1e-5, requires_grad=True)
    band = dict(
        alpha=20.0, low=0.4, high=4.0, order=1, kind='zero-phase',
        remove_head_motion=True, keep_residual=True,
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
    colors = dict(mean=[1.0, 2.0, 3.0], std=[1.0, 2.0, 3.0])
    mer = dict(
        type='MERDataPreprocessor',
        motion_std=127.5,
        augmentation=crop,
        **colors,
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
        type='KeyFramePreprocessor', frames=['onset', 'apex', 'offset'], **colors,
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
        dict(type='EulerianMagnification', output='motion', fps=100.0, **band),
        dict(type='RankPooling', remove_head_motion=True, output='rank_image'),
        dict(type='PackMERInputs', fps=100.0, **meta),
    ]  # fmt: skip
    rest = [load, dict(type='FormatShape', input_format='NCHW')]
    rest.append(dict(type='PackActionInputs', **meta))
    wide = {**head, 'in_channels': 2 * 2 * 49}
    action = dict(
        type='ActionDataPreprocessor', to_rgb=False, format_shape='NCHW', **colors
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
        [mpt(vit=shipped_vit), steps],  # built before the audit begins
        [mpt(vit=vit, prompt=motion, adapter=group, adapter_start_layer=1), steps],
        [mpt(vit=gelu, prompt=vpt, adapter=single, lora=lora), steps],
        [mpt(vit=shipped_vit), rest],
        [pair(resnet), steps],
        [pair(batch), steps],
        [stock, rest],
    ]


def used_types(value, found):
    """Collect the types that are used, with their arguments."""
    if isinstance(value, dict):
        if value.get('type') in ALLOWED_TYPES:
            found.setdefault(value['type'], set()).update(value.keys() - {'type'})
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            used_types(one, found)
    return found


def test_no_type_opens_a_file_or_imports_anything():
    models = everything()
    found = used_types(copy.deepcopy(models), {})
    assert {name: set(part.arguments) for name, part in ALLOWED_TYPES.items()} == found
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
