"""Packed models that ask for calls, files, addresses and too much of everything."""

import copy
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .case import Corpus
from .planting import crowd, planted_calls, pointers, tower

KINDS = ('packed', 'weights', 'pickle')


def write(corpus: Corpus, sound: Path, before: dict[str, Any]) -> None:
    """Write the family.

    Args:
        corpus: Where to.
        sound: A packed model that the program wrote.
        before: Facts of the first format: config of model and pipeline.
    """
    content = torch.load(sound, weights_only=True)
    folds = content['folds']

    def save(what: str, plants: str, facts: Any, **more: Any) -> None:
        path = corpus.new(f'packed/{what}', 'packed.pth', KINDS, plants)
        meta = {'mmaction_mer': 1, 'facts': facts}
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(20_000)
        try:
            torch.save({'meta': meta, 'folds': folds, **more}, path)
        finally:
            sys.setrecursionlimit(before)

    def changed(what: str, plants: str, change: Callable[[dict], Any]) -> None:
        facts = copy.deepcopy(before)
        facts = change(facts) or facts
        save(what, plants, facts)

    _types(corpus, changed)
    _parts(corpus, changed)
    _sizes(changed)
    _shapes(save, changed, before, content)


def _types(corpus: Corpus, changed: Callable[..., None]) -> None:
    """An unknown ``type`` at every place that has one."""
    name = 'packed/type'
    touch = ['touch', corpus.marker(name)]
    kinds: dict[str, dict[str, Any]] = {
        'call-command': dict(type='mmengine.call_command', cmd=touch),
        'call-command-utils': dict(type='mmengine.utils.call_command', cmd=touch),
        'subprocess': dict(type='subprocess.check_call', args=touch),
        'os-system': dict(type='os.system', command=' '.join(touch)),
        'module': dict(type='evil_module'),
        'module-part': dict(type='evil_module.Evil'),
        'package-part': dict(type='evil_package.inside.Evil'),
        'scope': dict(type='Evil', _scope_='evil_module'),
        'scope-dotted': dict(type='evil_module.ReLU'),
        'get-version': dict(type='mmengine.get_installed_path', package='evil_module'),
        'import': dict(type='importlib.import_module', name='evil_module'),
        'install': dict(type='mmengine.install_package', package='/nowhere'),
        'track': dict(type='mmengine.track_progress', func='os.system', tasks=touch),
        'load': dict(type='mmengine.load', file=corpus.secret('packed/load')),
        'fromfile': dict(type='mmengine.Config.fromfile', filename='evil_module.py'),
        'builtin': dict(type='builtins.exec', source='import evil_module'),
        'class': dict(type=['os', 'system']),
        'bytes': dict(type=b'os.system'),
    }
    places: dict[str, Callable[[dict, dict], Any]] = {
        'model': lambda one, part: one.update(model=part),
        'backbone': lambda one, part: one['model'].update(backbone=part),
        'vit': lambda one, part: one['model']['backbone'].update(vit=part),
        'prompt': lambda one, part: one['model']['backbone'].update(prompt=part),
        'adapter': lambda one, part: one['model']['backbone'].update(adapter=part),
        'norm': lambda one, part: one['model']['backbone']['vit'].update(norm_cfg=part),
        'act': lambda one, part: one['model']['backbone']['vit'].update(
            layer_cfgs=dict(act_cfg=part, ffn_cfg=dict(act_cfg=part))
        ),
        'init': lambda one, part: one['model'].update(init_cfg=part),
        'head': lambda one, part: one['model'].update(cls_head=part),
        'head-loss': lambda one, part: one['model']['cls_head'].update(loss_cls=part),
        'head-init': lambda one, part: one['model']['cls_head'].update(init_cfg=part),
        'preprocessor': lambda one, part: one['model'].update(data_preprocessor=part),
        'model-test': lambda one, part: one['model'].update(test_cfg=part),
        'step': lambda one, part: one['pipeline'].insert(1, part),
        'first-step': lambda one, part: one['pipeline'].insert(0, part),
        'step-inside': lambda one, part: one['pipeline'].insert(
            1, dict(type='RandomApply', transforms=[part], prob=1.0)
        ),
        'wrapped': lambda one, part: one['pipeline'].insert(
            1, dict(type='PytorchVideoWrapper', op='Compose', transforms=[part])
        ),
    }
    # Everything at the two main places; every place with the first four.
    for number, (kind, part) in enumerate(kinds.items()):
        for place, put in places.items():
            if place in ('model', 'step') or number in (0, 4, 5, 7):
                changed(
                    f'{place}-{kind}', 'a call', lambda one, a=part, b=put: b(one, a)
                )


def _parts(corpus: Corpus, changed: Callable[..., None]) -> None:
    """Registered parts that open files or addresses."""
    root = corpus.root / 'packed'
    root.mkdir()
    call = planted_calls(corpus.marker('packed/pickle'))['os-system']
    plain = root / 'evil.pkl'
    plain.write_bytes(pickle.dumps(call))
    torch_file = root / 'evil.pth'
    torch.save({'state_dict': {'a': call}}, torch_file)
    np.save(root / 'evil.npy', np.array([call], dtype=object), allow_pickle=True)
    array = str(root / 'evil.npy')
    address = corpus.url('packed/address')
    secret = corpus.secret('packed/parts')
    steps: dict[str, dict[str, Any]] = {
        'proposals': dict(type='LoadProposals', top_n=1, pos_th=0.5,
                          file_client_args={}),
        'localization': dict(type='LoadLocalizationFeature'),
        'rgb': dict(type='LoadRGBFromFile', io_backend='http'),
        'hvu': dict(type='LoadHVULabel'),
        'pyav': dict(type='PyAVInit', io_backend='http'),
        'decord': dict(type='DecordInit', io_backend='petrel'),
        'opencv': dict(type='OpenCVInit', io_backend='http'),
        'pims': dict(type='PIMSInit', io_backend='http'),
        'audio': dict(type='LoadAudioFeature'),
        'skeleton': dict(type='PoseDecode'),
        'compress': dict(type='DecompressPose'),
        'raw': dict(type='RawFrameDecode', io_backend='http'),
        'raw-memory': dict(type='RawFrameDecode', io_backend='memcached',
                           server_list_cfg=secret, client_cfg=secret, sys_path='.'),
        'image': dict(type='LoadImageFromFile', backend_args=dict(
            backend='http', path=address)),
        'annotations': dict(type='LoadAnnotations', imdecode_backend='x'),
        'mmpretrain-image': dict(type='mmpretrain.LoadImageFromFile'),
        'mmpretrain-albu': dict(type='mmpretrain.Albumentations', transforms=[
            dict(type='evil_module.Evil')]),
        'mmpretrain-tokenizer': dict(type='mmpretrain.CleanCaption'),
        'imgaug': dict(type='ImgAug', transforms=[dict(type='evil_module')]),
        'torchvision': dict(type='TorchVisionWrapper', op='evil_module'),
        'inferencer-pack': dict(type='mmaction.PackActionInputs', collect_keys=['a']),
        'mmcv-transforms': dict(type='mmcv.TransformBroadcaster', transforms=[
            dict(type='evil_module')]),
        'multi-step': dict(type='mmengine.Compose', transforms=['evil_module']),
    }  # fmt: skip
    for name, step in steps.items():
        changed(f'part-{name}', 'another file',
                lambda one, s=step: one['pipeline'].insert(1, s))  # fmt: skip
        changed(f'part-first-{name}', 'another file',
                lambda one, s=step: one['pipeline'].insert(0, s))  # fmt: skip
    starts: dict[str, Any] = {
        'pickle': str(plain), 'pth': str(torch_file), 'array': array,
        'file': f'file://{torch_file}', 'http': address,
        'mmlab': 'https://download.openmmlab.com/nowhere.pth',
        'mmlab-user': f'https://download.openmmlab.com/@{address[7:]}',
        'torchvision': 'torchvision://resnet18', 'modelzoo': 'modelzoo://x',
        'open-mmlab': 'open-mmlab://resnet50', 'mmcls': 'mmcls://x',
        's3': 's3://bucket/x', 'dots': 'mmaction_mer://../../secrets/x',
        'absolute': f'mmaction_mer://{torch_file}', 'null': None,
        'list': [str(torch_file)], 'nul': 'mmaction_mer://a\0b',
    }  # fmt: skip
    for name, start in starts.items():
        init = dict(type='Pretrained', checkpoint=start, prefix=None)
        changed(f'start-{name}', 'another file, a call to an address',
                lambda one, i=init: one['model']['backbone']['vit'].update(
                    init_cfg=i))  # fmt: skip
    for place, put in {
        'backbone': lambda one, i: one['model']['backbone'].update(init_cfg=i),
        'model': lambda one, i: one['model'].update(init_cfg=i),
        'head': lambda one, i: one['model']['cls_head'].update(init_cfg=i),
        'listed': lambda one, i: one['model'].update(init_cfg=[i, i]),
        'overriding': lambda one, i: one['model'].update(
            init_cfg=dict(type='Constant', val=0, override=i)),
    }.items():  # fmt: skip
        for name in ('pth', 'http'):
            init = dict(type='Pretrained', checkpoint=starts[name])
            changed(f'start-{place}-{name}', 'another file',
                    lambda one, i=init, p=put: p(one, i))  # fmt: skip
    models: dict[str, Any] = {
        'resnet-pretrained': dict(type='ResNet', depth=18, pretrained=str(torch_file)),
        'resnet-address': dict(type='ResNet', depth=18, pretrained=address),
        'tsm-torchvision': dict(type='ResNetTSM', depth=50,
                                pretrained='torchvision://resnet50'),
        'vit-mae': dict(type='VisionTransformer', pretrained=address),
        'uniformer': dict(type='UniFormer', clip_pretrained=True),
        'uniformer-v2': dict(type='UniFormerV2', clip_pretrained=True,
                             pretrained=str(torch_file)),
        'timesformer': dict(type='TimeSformer', num_frames=8, img_size=112,
                            patch_size=16, pretrained=str(torch_file)),
        'mmpretrain-timm': dict(type='mmpretrain.TIMMBackbone', model_name='resnet18',
                                pretrained=True, checkpoint_path=str(torch_file)),
        'mmpretrain-hf': dict(type='mmpretrain.HuggingFaceClassifier',
                              model_name=str(root), pretrained=True),
        'mmpretrain-clip': dict(type='mmpretrain.CLIPTransformer'),
        'mmpretrain-blip': dict(type='mmpretrain.BlipCaption',
                                tokenizer=dict(type='BlipTokenizer',
                                               name_or_path=str(root))),
        'mmpretrain-ofa': dict(type='mmpretrain.OFA', encoder_cfg={}, decoder_cfg={},
                               vocab_size=5, embedding_dim=5,
                               tokenizer=dict(type='OFATokenizer',
                                              name_or_path=address)),
        'mmpretrain-dataset': dict(type='mmpretrain.CIFAR10', data_prefix=str(root),
                                   download=True),
        'mmpretrain-prototype': dict(type='mmpretrain.ImageToImageRetriever',
                                     image_encoder=[], prototype=str(plain)),
        'mmpretrain-beit': dict(type='mmpretrain.DALLEEncoder',
                                init_cfg=dict(type='Pretrained', checkpoint=address)),
        'mmpretrain-vq': dict(type='mmpretrain.VQKD', encoder_config={}),
        'mmpretrain-maskfeat': dict(type='mmpretrain.MILAN', backbone={},
                                    target_generator=dict(type='CLIPGenerator',
                                                          tokenizer_path=str(plain))),
        'mmaction-dataset': dict(type='mmaction.PoseDataset', ann_file=str(plain),
                                 pipeline=[]),
        'mmaction-ava': dict(type='mmaction.AVADataset', ann_file=secret,
                             proposal_file=str(plain), pipeline=[]),
        'retrieval': dict(type='CLIPSimilarity', visual_encoder={}, text_encoder={}),
        'inferencer': dict(type='MERInferencer', model=str(torch_file)),
    }  # fmt: skip
    for name, part in models.items():
        for place in ('backbone', 'vit', 'model'):

            def put(one: dict, a: Any = part, p: str = place) -> None:
                if p == 'model':
                    one.update(model=a)
                elif p == 'backbone':
                    one['model'].update(backbone=a)
                else:
                    one['model']['backbone'].update(vit=a)

            changed(f'{place}-{name}', 'another file, a call to an address', put)


def _sizes(changed: Callable[..., None]) -> None:
    """Numbers that are far too large, or none."""
    model: Callable[[dict], dict] = lambda one: one['model']  # noqa: E731
    vit: Callable[[dict], dict] = lambda one: one['model']['backbone']['vit']  # noqa: E731
    pre: Callable[[dict], dict] = lambda one: one['model']['data_preprocessor']  # noqa: E731
    numbers: dict[str, tuple[Callable[[dict], dict], str, Any]] = {
        'classes': (lambda one: model(one)['cls_head'], 'num_classes', 10**9),
        'classes-some': (lambda one: model(one)['cls_head'], 'num_classes', 5 * 10**6),
        'classes-negative': (lambda one: model(one)['cls_head'], 'num_classes', -1),
        'classes-text': (lambda one: model(one)['cls_head'], 'num_classes', '3'),
        'channels': (lambda one: model(one)['cls_head'], 'in_channels', 10**10),
        'layers': (lambda one: vit(one)['arch'], 'num_layers', 10**6),
        'layers-some': (lambda one: vit(one)['arch'], 'num_layers', 5000),
        'heads': (lambda one: vit(one)['arch'], 'num_heads', 0),
        'width': (lambda one: vit(one)['arch'], 'embed_dims', 10**6),
        'width-negative': (lambda one: vit(one)['arch'], 'embed_dims', -128),
        'hidden': (lambda one: vit(one)['arch'], 'feedforward_channels', 10**9),
        'picture': (vit, 'img_size', 10**6),
        'patch': (vit, 'patch_size', 0),
        'patch-one': (vit, 'patch_size', 1),
        'prompts': (lambda one: model(one)['backbone']['prompt'], 'num_prompts', 10**9),
        'length': (lambda one: model(one)['backbone']['prompt'], 'length', 10**9),
        'reduction': (lambda one: model(one)['backbone']['adapter'], 'reduction', 0),
        'alpha-nan': (pre, 'alpha', float('nan')),
        'low-infinite': (pre, 'low', float('inf')),
        'high-negative': (pre, 'high', -1e308),
        'mean-long': (pre, 'mean', [0.5] * 10**6),
        'std-zero': (pre, 'std', (0, 0, 0)),
        'crop': (lambda one: pre(one)['augmentation'], 'crop', 10**9),
        'topk': (lambda one: model(one)['cls_head'], 'topk', (10**9,)),
        'max-frames': (lambda one: one['pipeline'][0], 'max_frames', 10**12),
        'step-length': (lambda one: one['pipeline'][1], 'length', 10**9),
        'step-length-some': (lambda one: one['pipeline'][1], 'length', 50_000),
        'step-length-text': (lambda one: one['pipeline'][1], 'length', 'x'),
        'step-crop': (lambda one: one['pipeline'][3], 'crop_size', 10**9),
        'step-scale': (lambda one: one['pipeline'][4], 'scale', (10**6, 10**6)),
        'step-scale-some': (lambda one: one['pipeline'][4], 'scale', (20_000, 20_000)),
        'step-scale-text': (lambda one: one['pipeline'][4], 'scale', 'xy'),
        'step-interpolation': (lambda one: one['pipeline'][4], 'interpolation', 'exec'),
    }  # fmt: skip
    for name, (where, key, value) in numbers.items():
        changed(f'size-{name}', 'memory, wrong types',
                lambda one, w=where, k=key, v=value: w(one).update({k: v}))  # fmt: skip


def _shapes(
    save: Callable[..., None],
    changed: Callable[..., None],
    before: dict[str, Any],
    content: dict[str, Any],
) -> None:
    """Structures without an end, wrong types, and folds that are no state dicts."""

    def ring(one: dict) -> None:
        one['model']['backbone']['vit'] = one['model']

    changed('ring-model', 'recursion', ring)
    changed(
        'ring-pipeline',
        'recursion',
        lambda one: one['pipeline'].append(one['pipeline']),
    )
    changed(
        'ring-list', 'recursion', lambda one: one['model'].update(a=one['pipeline'])
    )
    changed('tower', 'recursion', lambda one: one['model'].update(a=tower(900)))
    changed('crowd', 'endless walk', lambda one: one['model'].update(a=crowd()))
    changed('crowd-classes', 'endless walk', lambda one: one.update(classes=crowd()))
    changed('crowd-held-out', 'endless walk', lambda one: one.update(held_out=crowd()))
    changed('pointers', 'pointers', lambda one: one.update(dataset=pointers()))
    changed(
        'pointers-classes', 'pointers', lambda one: one.update(classes=pointers((3,)))
    )
    wrong: dict[str, Any] = {'null': None, 'number': 5, 'text': 'x', 'list': [1],
                             'object': {1: 2}, 'nan': float('nan'), 'truth': True,
                             'tensor': torch.zeros(3)}  # fmt: skip
    for number, key in enumerate(
        ('model', 'pipeline', 'classes', 'dataset', 'held_out')
    ):
        for place, (name, value) in enumerate(wrong.items()):
            if (number + place) % 2 == 0 or name == 'null':
                changed(f'{key}-{name}', 'wrong types',
                        lambda one, k=key, v=value: one.update({k: v}))  # fmt: skip
    for name, value in wrong.items():
        save(f'facts-{name}', 'wrong types', value)
        save(f'folds-{name}', 'wrong types', before, folds=value)
        save(f'fold-{name}', 'wrong types', before, folds={'sub01': value})
        save(f'meta-{name}', 'wrong types', before, meta=value)
        first = next(iter(content['folds'].values()))
        key = next(iter(first))
        save(f'tensor-{name}', 'wrong types', before,
             folds={'sub01': {**first, key: value}})  # fmt: skip
    save('classes-markup', 'markup', {**before, 'classes': [
        '<img src=x onerror=planted>', '\x1b[31mPLANTED', 'x']})  # fmt: skip
    save('classes-long', 'a long message', {**before, 'classes': ['x' * 3_000_000] * 3})
    save('classes-many', 'wrong types', {**before, 'classes': ['x'] * 10**6})
    save('dataset-long', 'a long message', {**before, 'dataset': 'x' * 3_000_000})
    save('fold-long', 'a long message', before, folds={'x' * 3_000_000: {}})
    save('folds-many', 'time', before, folds={f'k{n}': {} for n in range(100_000)})
    many = dict.fromkeys(
        (f'k{n}' for n in range(300)), next(iter(content['folds'].values()))
    )
    save('folds-shared', 'time', before, folds=many)
    big = {key: torch.zeros(1).expand(20_000, 20_000) for key in list(first)[:3]}
    save('fold-expanded', 'memory', before, folds={'sub01': {**first, **big}})
    save('fold-weights-nan', 'wrong types', before, folds={
        'sub01': {k: v * float('nan') if v.is_floating_point() else v
                  for k, v in first.items()}})  # fmt: skip
    for value in (2, 'x', None, 10**30):
        meta = {'mmaction_mer': value, 'facts': before}
        save(f'format-{str(value)[:5]}', 'wrong types', before, meta=meta)
    text = {key: value for key, value in before.items() if key != 'model'}
    save('model-missing', 'wrong types', text)
    save('more-facts', 'wrong types', {**before, 'more': 1})
