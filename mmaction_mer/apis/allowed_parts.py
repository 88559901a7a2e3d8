"""What a packed model may be built of: every part by its name, with its arguments.

A config that somebody else packed is data. Of mmaction's registries it reaches what
stands here and nothing else, since a registry imports whatever a name with dots in it
says, and many a part that is properly registered opens files. No argument below is a
path, an address or the name of a module; the weights that a frozen part starts from
are chosen from a list.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmaction.datasets.transforms import (
    CenterCrop,
    FormatShape,
    PackActionInputs,
    Resize,
)
from mmaction.models import (
    ActionDataPreprocessor,
    CrossEntropyLoss,
    Recognizer2D,
    TimeSformerHead,
    TSNHead,
)
from mmaction.models import ResNet as ActionResNet
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.registry import Registry
from mmpretrain.models import ResNet, VisionTransformer
from mmpretrain.models.utils import QuickGELU
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from torch import nn

from ..datasets.transforms.loading import LoadMERFrames
from ..datasets.transforms.magnification import EulerianMagnification
from ..datasets.transforms.packing import PackMERInputs
from ..datasets.transforms.rank_pooling import RankPooling
from ..datasets.transforms.standardize import StabilizeHead, StandardizeLength
from ..models.backbones.miacnet import MIACNet
from ..models.backbones.mpt_vit import MPTViT
from ..models.data_preprocessors.key_frames import KeyFramePreprocessor
from ..models.data_preprocessors.mer import MERDataPreprocessor
from ..models.peft.adapters import GroupAdapter, PrimitiveAdapter
from ..models.peft.motion_prompt import MotionPrompt
from ..models.peft.vpt import VPTPrompt
from ..models.recognizers.miac import MIACRecognizer
from ..models.recognizers.mpt import MPTRecognizer
from ..models.utils.pretrained import PACKAGE_SCHEME, WEIGHTS_DIR
from ..utils.text import quote
from .schema import (
    Check,
    NotAllowedError,
    either,
    fields,
    flag,
    maybe,
    nothing,
    one_of,
    real,
    refuse,
    several,
    whole,
)

_HOST = 'https://download.openmmlab.com/'
#: Released weights that a frozen part may start from.
OFFICIAL = {
    f'{_HOST}{place}'
    for place in (
        'mmclassification/v0/deit/'
        'deit-base_3rdparty_pt-16xb64_in1k_20211124-6f40c188.pth',
        'mmclassification/v0/resnet/resnet18_8xb32_in1k_20210831-fbbb1da6.pth',
        'mmclassification/v0/vit/pretrain/'
        'vit-base-p16_3rdparty_pt-64xb64_in1k-224_20210928-02284250.pth',
        'mmclassification/v0/vit/pretrain/'
        'vit-base-p32_3rdparty_pt-64xb64_in1k-224_20210928-eee25dd4.pth',
        'mmpretrain/v1.0/dinov2/vit-base-p14_dinov2-pre_3rdparty_20230426-ba246503.pth',
        'mmselfsup/1.x/mae/mae_vit-base-p16_8xb512-fp16-coslr-1600e_in1k/'
        'mae_vit-base-p16_8xb512-fp16-coslr-1600e_in1k_20220825-f7569ca2.pth',
    )
}
_FILE_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}')


@dataclass(frozen=True)
class Part:
    """A part that a packed model may ask for.

    Attributes:
        made: What is built.
        registry: Where it is registered.
        arguments: Check of each argument it may be given.
        needed: Arguments that it must be given.
    """

    made: Any
    registry: Registry
    arguments: Mapping[str, Check]
    needed: tuple[str, ...] = ()


def known_weights(value: Any, where: str) -> None:
    """Allow weights that ship with the package, and some that are released."""
    if type(value) is str:
        if value in OFFICIAL:
            return
        name = value.removeprefix(PACKAGE_SCHEME)
        if (
            value.startswith(PACKAGE_SCHEME)
            and _FILE_NAME.fullmatch(name)
            and (WEIGHTS_DIR / name).is_file()
        ):
            return
    raise NotAllowedError(
        f'{where} is {quote(value)}, which a packed model may not read: give the run '
        f'itself, not a packed file'
    )


def parts(*names: str) -> Check:
    """Allow dictionaries that ask for one of some parts, with its arguments."""

    def check(value: Any, where: str) -> None:
        if type(value) is not dict:
            refuse(value, where, f'one of {", ".join(names)}')
        kind = value.get('type')
        name = kind.removeprefix('mmaction.') if type(kind) is str else ''
        if name not in names or (name != kind and PARTS[name].registry not in _OURS):
            raise NotAllowedError(
                f'{where} asks for {quote(kind)}, which is none of {", ".join(names)} '
                f'and might run code'
            )
        part = PARTS[name]
        _see_registered(name, part)
        allowed = {'type': one_of(kind), **part.arguments}
        fields(allowed, part.needed)(value, where)

    return check


def _see_registered(name: str, part: Part) -> None:
    """See that the registry gives, by that name, the part and no other.

    It is asked without :meth:`Registry.get`, which imports what it does not find.
    """
    registry: Registry | None = part.registry
    own = name.rpartition('.')[2]
    while registry is not None:
        if own in registry.module_dict:
            if registry.module_dict[own] is part.made:
                return
            break
        registry = registry.parent
    raise NotAllowedError(f'{name} is registered as something else here')


_OURS = (MODELS, TRANSFORMS)
_SIDE = whole(8, 384)
_MEAN = several(real(-1e4, 1e4), 3, 3)
# Pixels are divided by it.
_STD = several(real(1e-3, 1e4), 3, 3)
_SHARE = real(0, 1)
_WEIGHTS = fields(
    {
        'type': one_of('Pretrained'),
        'checkpoint': known_weights,
        'prefix': maybe(one_of('backbone', 'backbone.')),
    },
    ('checkpoint',),
)
_BAND = {
    'alpha': real(-1e4, 1e4),
    'low': real(0, 1e4),
    'high': real(0, 1e4),
    'order': whole(1, 10),
    'kind': one_of('zero-phase', 'causal', 'ideal'),
    'remove_head_motion': flag,
    'keep_residual': flag,
}
_AUGMENTATION = fields({'crop': maybe(_SIDE), 'flip': _SHARE})
_HEAD = {
    'num_classes': whole(1, 1000),
    'in_channels': whole(1, 1 << 17),
    'loss_cls': parts('CrossEntropyLoss'),
    'multi_class': flag,
    'label_smooth_eps': _SHARE,
    'topk': either(several(whole(1, 1000), 1, 5), whole(1, 1000)),
    'average_clips': maybe(one_of('prob', 'score')),
    'init_std': real(0, 10),
    'dropout_ratio': _SHARE,
    'init_cfg': nothing,
}
_HEAD_NEEDS = ('num_classes', 'in_channels')
_ARCH = fields(
    {
        'embed_dims': whole(1, 2048),
        'num_layers': whole(1, 48),
        'num_heads': whole(1, 64),
        'feedforward_channels': whole(1, 8192),
    },
    ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels'),
)
_ARCHS = sorted(VisionTransformer.arch_zoo)
_NORM = parts('LN', 'GN', 'BN')
_NORM_ARGUMENTS = {'eps': real(0, 1), 'requires_grad': flag}
_ADAPTER = {'reduction': whole(1, 4096), 'init_cfg': nothing}
_META = several(
    one_of(
        *('dataset', 'subject', 'clip', 'emotion', 'fps', 'onset', 'apex', 'offset'),
        *('frame_inds', 'img_shape', 'img_key', 'video_id', 'timestamp'),
    ),
    0,
    20,
)
_RECOGNIZER = {'train_cfg': nothing, 'test_cfg': nothing, 'neck': nothing}
_RECOGNIZER_NEEDS = ('backbone', 'cls_head')

#: Every part that a packed model may ask for, by the name that its config gives.
PARTS: dict[str, Part] = {
    # Recognizers
    'MPTRecognizer': Part(
        MPTRecognizer,
        MODELS,
        {
            'backbone': parts('MPTViT'),
            'cls_head': parts('TimeSformerHead'),
            'data_preprocessor': maybe(parts('MERDataPreprocessor')),
            **_RECOGNIZER,
        },
        _RECOGNIZER_NEEDS,
    ),
    'MIACRecognizer': Part(
        MIACRecognizer,
        MODELS,
        {
            'backbone': parts('MIACNet'),
            'cls_head': parts('TimeSformerHead'),
            'data_preprocessor': maybe(parts('KeyFramePreprocessor')),
            **_RECOGNIZER,
        },
        _RECOGNIZER_NEEDS,
    ),
    'Recognizer2D': Part(
        Recognizer2D,
        MODELS,
        {
            'backbone': parts('ResNet'),
            'cls_head': parts('TSNHead'),
            'data_preprocessor': parts('ActionDataPreprocessor'),
            **_RECOGNIZER,
        },
        (*_RECOGNIZER_NEEDS, 'data_preprocessor'),
    ),
    # Backbones
    'MPTViT': Part(
        MPTViT,
        MODELS,
        {
            'vit': parts('mmpretrain.VisionTransformer'),
            'prompt': maybe(parts('MotionPrompt', 'VPTPrompt')),
            'adapter': maybe(parts('GroupAdapter', 'PrimitiveAdapter')),
            'adapter_start_layer': whole(0, 48),
            'lora': maybe(fields({'rank': whole(1, 256), 'alpha': real(-1e4, 1e4)})),
            'freeze_vit': flag,
            'init_cfg': nothing,
        },
        ('vit',),
    ),
    'mmpretrain.VisionTransformer': Part(
        VisionTransformer,
        MMPRETRAIN_MODELS,
        {
            'arch': either(one_of(*_ARCHS), _ARCH),
            'img_size': _SIDE,
            'patch_size': whole(14, 64),
            'in_channels': whole(3, 3),
            'drop_rate': _SHARE,
            'drop_path_rate': _SHARE,
            'qkv_bias': flag,
            'norm_cfg': _NORM,
            'final_norm': flag,
            'interpolate_mode': one_of('bicubic', 'bilinear'),
            'layer_scale_init_value': real(0, 1e4),
            'layer_cfgs': fields({'act_cfg': parts('GELU', 'mmpretrain.QuickGELU')}),
            'pre_norm': flag,
            'init_cfg': maybe(_WEIGHTS),
        },
    ),
    'MIACNet': Part(
        MIACNet,
        MODELS,
        {
            'branch': maybe(parts('mmpretrain.ResNet')),
            'width': whole(1, 1024),
            'code_channels': whole(1, 256),
            'grid': whole(1, 56),
            'features': whole(1, 256),
            'gain': real(-1e4, 1e4),
            'decoupled': flag,
            'init_cfg': nothing,
        },
    ),
    'mmpretrain.ResNet': Part(
        ResNet,
        MMPRETRAIN_MODELS,
        {
            'depth': either(whole(18, 18), whole(34, 34), whole(50, 50)),
            'stem_channels': whole(1, 256),
            'base_channels': whole(1, 256),
            'out_indices': several(whole(0, 3), 1, 4),
            'norm_cfg': _NORM,
            'norm_eval': flag,
            'init_cfg': maybe(_WEIGHTS),
        },
        ('depth',),
    ),
    'ResNet': Part(
        ActionResNet,
        MODELS,
        {
            'depth': either(whole(18, 18), whole(34, 34), whole(50, 50)),
            'pretrained': nothing,
            'norm_eval': flag,
        },
        ('depth',),
    ),
    # Prompts and adapters
    'MotionPrompt': Part(
        MotionPrompt,
        MODELS,
        {
            'num_prompts': whole(1, 64),
            'length': whole(2, 64),
            'channels': whole(1, 1024),
            'patch_size': whole(4, 64),
            'in_channels': whole(3, 3),
            'eps': real(1e-6, 1),
            'gelu': flag,
            'spatial': flag,
            'init_cfg': nothing,
        },
    ),
    'VPTPrompt': Part(
        VPTPrompt,
        MODELS,
        {
            'num_prompts': whole(1, 256),
            'deep': flag,
            'patch_size': whole(4, 64),
            'init_cfg': nothing,
        },
    ),
    'GroupAdapter': Part(GroupAdapter, MODELS, {**_ADAPTER, 'share_means': flag}),
    'PrimitiveAdapter': Part(PrimitiveAdapter, MODELS, _ADAPTER),
    # Heads
    'TimeSformerHead': Part(TimeSformerHead, MODELS, _HEAD, _HEAD_NEEDS),
    'TSNHead': Part(TSNHead, MODELS, _HEAD, _HEAD_NEEDS),
    'CrossEntropyLoss': Part(
        CrossEntropyLoss,
        MODELS,
        {
            'loss_weight': real(0, 1e6),
            'class_weight': maybe(several(real(0, 1e6), 1, 1000)),
        },
    ),
    # Data preprocessors
    'MERDataPreprocessor': Part(
        MERDataPreprocessor,
        MODELS,
        {
            'mean': _MEAN,
            'std': _STD,
            'motion_std': real(1e-6, 1e6),
            'augmentation': maybe(_AUGMENTATION),
            **_BAND,
        },
    ),
    'KeyFramePreprocessor': Part(
        KeyFramePreprocessor,
        MODELS,
        {
            'frames': several(one_of('onset', 'apex', 'offset'), 2, 3),
            'mean': _MEAN,
            'std': _STD,
            'missing_apex': one_of('refuse', 'middle'),
            'augmentation': maybe(_AUGMENTATION),
        },
    ),
    'ActionDataPreprocessor': Part(
        ActionDataPreprocessor,
        MODELS,
        {
            'mean': _MEAN,
            'std': _STD,
            'to_rgb': flag,
            'format_shape': one_of('NCHW'),
        },
    ),
    # Layers
    'LN': Part(nn.LayerNorm, MODELS, _NORM_ARGUMENTS),
    'BN': Part(nn.BatchNorm2d, MODELS, _NORM_ARGUMENTS),
    'GN': Part(
        nn.GroupNorm,
        MODELS,
        {**_NORM_ARGUMENTS, 'num_groups': whole(1, 256)},
        ('num_groups',),
    ),
    'GELU': Part(nn.GELU, MODELS, {}),
    'mmpretrain.QuickGELU': Part(QuickGELU, MMPRETRAIN_MODELS, {}),
    # Steps of a pipeline
    'LoadMERFrames': Part(
        LoadMERFrames, TRANSFORMS, {'max_frames': maybe(whole(2, 1024))}
    ),
    'StandardizeLength': Part(
        StandardizeLength, TRANSFORMS, {'length': whole(2, 64), 'average': flag}
    ),
    'StabilizeHead': Part(StabilizeHead, TRANSFORMS, {}),
    'CenterCrop': Part(
        CenterCrop,
        TRANSFORMS,
        {'crop_size': either(several(_SIDE, 2, 2), _SIDE)},
        ('crop_size',),
    ),
    'Resize': Part(
        Resize,
        TRANSFORMS,
        {
            'scale': several(_SIDE, 2, 2),
            'keep_ratio': flag,
            'interpolation': one_of(
                'nearest', 'bilinear', 'bicubic', 'area', 'lanczos'
            ),
        },
        ('scale',),
    ),
    'EulerianMagnification': Part(
        EulerianMagnification,
        TRANSFORMS,
        {
            'cutoff_wavelength': maybe(real(1e-3, 1e4)),
            'output': one_of('motion', 'imgs'),
            'fps': maybe(real(1e-3, 1e5)),
            **_BAND,
        },
    ),
    'RankPooling': Part(
        RankPooling,
        TRANSFORMS,
        {'remove_head_motion': flag, 'output': one_of('rank_image', 'imgs')},
    ),
    'FormatShape': Part(
        FormatShape, TRANSFORMS, {'input_format': one_of('NCHW')}, ('input_format',)
    ),
    'PackMERInputs': Part(
        PackMERInputs,
        TRANSFORMS,
        {'meta_keys': _META, 'fps': maybe(real(1e-3, 1e5))},
    ),
    'PackActionInputs': Part(PackActionInputs, TRANSFORMS, {'meta_keys': _META}),
}
_MODEL = parts('MPTRecognizer', 'MIACRecognizer', 'Recognizer2D')
_FIRST = parts('LoadMERFrames')
_BETWEEN = parts(
    *('StandardizeLength', 'StabilizeHead', 'CenterCrop', 'Resize'),
    *('EulerianMagnification', 'RankPooling', 'FormatShape'),
)
_LAST = parts('PackMERInputs', 'PackActionInputs')


def check_parts(model: Any, pipeline: Any) -> None:
    """See that a config asks for parts of this list and for nothing else.

    Args:
        model: Config of the recognizer.
        pipeline: Config of the test pipeline: frames in, some steps, packed clip out.

    Raises:
        NotAllowedError: It does not; the message names the place and the value.
    """
    _MODEL(model, 'model')
    if type(pipeline) not in (list, tuple) or not 2 <= len(pipeline) <= 16:
        refuse(pipeline, 'pipeline', 'a list of 2 to 16 steps')
    _FIRST(pipeline[0], 'pipeline[0]')
    for number, step in enumerate(pipeline[1:-1], 1):
        _BETWEEN(step, f'pipeline[{number}]')
    _LAST(pipeline[-1], f'pipeline[{len(pipeline) - 1}]')
