"""Table of everything that a packed model may be built of.

The config in a packed model is data from an unknown author. Of the classes in the
registries of mmaction it reaches those in this table and no others: a registry imports
the module of any dotted name, and many registered classes open files. No argument in
the table is a path, an address or the name of a module; the weights that a frozen part
starts from are chosen from a list.
"""

from typing import Any

from .schema import (
    AllowedType,
    AllowedTypes,
    any_of,
    boolean,
    integer,
    list_of,
    mapping,
    none,
    number,
    one_of,
    optional,
    pretrained_weights,
    reject,
)

_HOST = 'https://download.openmmlab.com/'
#: Released weights that a frozen part may start from.
RELEASED_WEIGHTS = {
    f'{_HOST}{path}'
    for path in (
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

_MODELS, _TRANSFORMS = 'mmaction.registry:MODELS', 'mmaction.registry:TRANSFORMS'
_MMPRETRAIN = 'mmpretrain.registry:MODELS'

#: Every class that a packed model may use, by the ``type`` in its config.
ALLOWED_TYPES = AllowedTypes()
_config_of = ALLOWED_TYPES.config_of

_PIXELS = integer(8, 384)
_MEAN = list_of(number(-1e4, 1e4), 3, 3)
# Pixels are divided by it.
_STD = list_of(number(1e-3, 1e4), 3, 3)
_FRACTION = number(0, 1)
_WEIGHTS = mapping(
    {
        'type': one_of('Pretrained'),
        'checkpoint': pretrained_weights(RELEASED_WEIGHTS),
        'prefix': optional(one_of('backbone', 'backbone.')),
    },
    ('checkpoint',),
)
_BAND = {
    'alpha': number(-1e4, 1e4),
    'low': number(0, 1e4),
    'high': number(0, 1e4),
    'order': integer(1, 10),
    'kind': one_of('zero-phase', 'causal', 'ideal'),
    'remove_head_motion': boolean,
    'keep_residual': boolean,
}
_AUGMENTATION = mapping({'crop': optional(_PIXELS), 'flip': _FRACTION})
_HEAD = {
    'num_classes': integer(1, 1000),
    'in_channels': integer(1, 1 << 17),
    'loss_cls': _config_of('CrossEntropyLoss'),
    'multi_class': boolean,
    'label_smooth_eps': _FRACTION,
    'topk': any_of(list_of(integer(1, 1000), 1, 5), integer(1, 1000)),
    'average_clips': optional(one_of('prob', 'score')),
    'init_std': number(0, 10),
    'dropout_ratio': _FRACTION,
    'init_cfg': none,
}
_HEAD_REQUIRED = ('num_classes', 'in_channels')
_ARCH = mapping(
    {
        'embed_dims': integer(1, 2048),
        'num_layers': integer(1, 48),
        'num_heads': integer(1, 64),
        'feedforward_channels': integer(1, 8192),
    },
    ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels'),
)


def _arch_name(value: Any, where: str) -> None:
    """Allow the names of ViT sizes in mmpretrain."""
    from mmpretrain.models import VisionTransformer

    one_of(*sorted(VisionTransformer.arch_zoo))(value, where)


_NORM = _config_of('LN', 'GN', 'BN')
_NORM_ARGUMENTS = {'eps': number(0, 1), 'requires_grad': boolean}
_ADAPTER = {'reduction': integer(1, 4096), 'init_cfg': none}
_META = list_of(
    one_of(
        *('dataset', 'subject', 'clip', 'emotion', 'fps', 'onset', 'apex', 'offset'),
        *('frame_inds', 'img_shape', 'img_key', 'video_id', 'timestamp'),
    ),
    0,
    20,
)
_RECOGNIZER = {'train_cfg': none, 'test_cfg': none, 'neck': none}
_RECOGNIZER_REQUIRED = ('backbone', 'cls_head')

ALLOWED_TYPES.update(
    {
        # Recognizers
        'MPTRecognizer': AllowedType(
            'mmaction_mer.models.recognizers.mpt:MPTRecognizer',
            _MODELS,
            {
                'backbone': _config_of('MPTViT'),
                'cls_head': _config_of('TimeSformerHead'),
                'data_preprocessor': optional(_config_of('MERDataPreprocessor')),
                **_RECOGNIZER,
            },
            _RECOGNIZER_REQUIRED,
        ),
        'MIACRecognizer': AllowedType(
            'mmaction_mer.models.recognizers.miac:MIACRecognizer',
            _MODELS,
            {
                'backbone': _config_of('MIACNet'),
                'cls_head': _config_of('TimeSformerHead'),
                'data_preprocessor': optional(_config_of('KeyFramePreprocessor')),
                **_RECOGNIZER,
            },
            _RECOGNIZER_REQUIRED,
        ),
        'Recognizer2D': AllowedType(
            'mmaction.models:Recognizer2D',
            _MODELS,
            {
                'backbone': _config_of('ResNet'),
                'cls_head': _config_of('TSNHead'),
                'data_preprocessor': _config_of('ActionDataPreprocessor'),
                **_RECOGNIZER,
            },
            (*_RECOGNIZER_REQUIRED, 'data_preprocessor'),
        ),
        # Backbones
        'MPTViT': AllowedType(
            'mmaction_mer.models.backbones.mpt_vit:MPTViT',
            _MODELS,
            {
                'vit': _config_of('mmpretrain.VisionTransformer'),
                'prompt': optional(_config_of('MotionPrompt', 'VPTPrompt')),
                'adapter': optional(_config_of('GroupAdapter', 'PrimitiveAdapter')),
                'adapter_start_layer': integer(0, 48),
                'lora': optional(
                    mapping({'rank': integer(1, 256), 'alpha': number(-1e4, 1e4)})
                ),
                'freeze_vit': boolean,
                'init_cfg': none,
            },
            ('vit',),
        ),
        'mmpretrain.VisionTransformer': AllowedType(
            'mmpretrain.models:VisionTransformer',
            _MMPRETRAIN,
            {
                'arch': any_of(_arch_name, _ARCH),
                'img_size': _PIXELS,
                'patch_size': integer(14, 64),
                'in_channels': integer(3, 3),
                'drop_rate': _FRACTION,
                'drop_path_rate': _FRACTION,
                'qkv_bias': boolean,
                'norm_cfg': _NORM,
                'final_norm': boolean,
                'interpolate_mode': one_of('bicubic', 'bilinear'),
                'layer_scale_init_value': number(0, 1e4),
                'layer_cfgs': mapping(
                    {'act_cfg': _config_of('GELU', 'mmpretrain.QuickGELU')}
                ),
                'pre_norm': boolean,
                'init_cfg': optional(_WEIGHTS),
            },
        ),
        'MIACNet': AllowedType(
            'mmaction_mer.models.backbones.miacnet:MIACNet',
            _MODELS,
            {
                'branch': optional(_config_of('mmpretrain.ResNet')),
                'width': integer(1, 1024),
                'code_channels': integer(1, 256),
                'grid': integer(1, 56),
                'features': integer(1, 256),
                'gain': number(-1e4, 1e4),
                'decoupled': boolean,
                'init_cfg': none,
            },
        ),
        'mmpretrain.ResNet': AllowedType(
            'mmpretrain.models:ResNet',
            _MMPRETRAIN,
            {
                'depth': any_of(integer(18, 18), integer(34, 34), integer(50, 50)),
                'stem_channels': integer(1, 256),
                'base_channels': integer(1, 256),
                'out_indices': list_of(integer(0, 3), 1, 4),
                'norm_cfg': _NORM,
                'norm_eval': boolean,
                'init_cfg': optional(_WEIGHTS),
            },
            ('depth',),
        ),
        'ResNet': AllowedType(
            'mmaction.models:ResNet',
            _MODELS,
            {
                'depth': any_of(integer(18, 18), integer(34, 34), integer(50, 50)),
                'pretrained': none,
                'norm_eval': boolean,
            },
            ('depth',),
        ),
        # Prompts and adapters
        'MotionPrompt': AllowedType(
            'mmaction_mer.models.peft.motion_prompt:MotionPrompt',
            _MODELS,
            {
                'num_prompts': integer(1, 64),
                'length': integer(2, 64),
                'channels': integer(1, 1024),
                'patch_size': integer(4, 64),
                'in_channels': integer(3, 3),
                'eps': number(1e-6, 1),
                'gelu': boolean,
                'spatial': boolean,
                'init_cfg': none,
            },
        ),
        'VPTPrompt': AllowedType(
            'mmaction_mer.models.peft.vpt:VPTPrompt',
            _MODELS,
            {
                'num_prompts': integer(1, 256),
                'deep': boolean,
                'patch_size': integer(4, 64),
                'init_cfg': none,
            },
        ),
        'GroupAdapter': AllowedType(
            'mmaction_mer.models.peft.adapters:GroupAdapter',
            _MODELS,
            {**_ADAPTER, 'share_means': boolean},
        ),
        'PrimitiveAdapter': AllowedType(
            'mmaction_mer.models.peft.adapters:PrimitiveAdapter', _MODELS, _ADAPTER
        ),
        # Heads
        'TimeSformerHead': AllowedType(
            'mmaction.models:TimeSformerHead', _MODELS, _HEAD, _HEAD_REQUIRED
        ),
        'TSNHead': AllowedType(
            'mmaction.models:TSNHead', _MODELS, _HEAD, _HEAD_REQUIRED
        ),
        'CrossEntropyLoss': AllowedType(
            'mmaction.models:CrossEntropyLoss',
            _MODELS,
            {
                'loss_weight': number(0, 1e6),
                'class_weight': optional(list_of(number(0, 1e6), 1, 1000)),
            },
        ),
        # Data preprocessors
        'MERDataPreprocessor': AllowedType(
            'mmaction_mer.models.data_preprocessors.mer:MERDataPreprocessor',
            _MODELS,
            {
                'mean': _MEAN,
                'std': _STD,
                'motion_std': number(1e-6, 1e6),
                'augmentation': optional(_AUGMENTATION),
                **_BAND,
            },
        ),
        'KeyFramePreprocessor': AllowedType(
            'mmaction_mer.models.data_preprocessors.key_frames:KeyFramePreprocessor',
            _MODELS,
            {
                'frames': list_of(one_of('onset', 'apex', 'offset'), 2, 3),
                'mean': _MEAN,
                'std': _STD,
                'missing_apex': one_of('refuse', 'middle'),
                'augmentation': optional(_AUGMENTATION),
            },
        ),
        'ActionDataPreprocessor': AllowedType(
            'mmaction.models:ActionDataPreprocessor',
            _MODELS,
            {
                'mean': _MEAN,
                'std': _STD,
                'to_rgb': boolean,
                'format_shape': one_of('NCHW'),
            },
        ),
        # Layers
        'LN': AllowedType('torch.nn:LayerNorm', _MODELS, _NORM_ARGUMENTS),
        'BN': AllowedType('torch.nn:BatchNorm2d', _MODELS, _NORM_ARGUMENTS),
        'GN': AllowedType(
            'torch.nn:GroupNorm',
            _MODELS,
            {**_NORM_ARGUMENTS, 'num_groups': integer(1, 256)},
            ('num_groups',),
        ),
        'GELU': AllowedType('torch.nn:GELU', _MODELS, {}),
        'mmpretrain.QuickGELU': AllowedType(
            'mmpretrain.models.utils:QuickGELU', _MMPRETRAIN, {}
        ),
        # Steps of a pipeline
        'LoadMERFrames': AllowedType(
            'mmaction_mer.datasets.transforms.loading:LoadMERFrames',
            _TRANSFORMS,
            {'max_frames': optional(integer(2, 1024))},
        ),
        'StandardizeLength': AllowedType(
            'mmaction_mer.datasets.transforms.standardize:StandardizeLength',
            _TRANSFORMS,
            {'length': integer(2, 64), 'average': boolean},
        ),
        'StabilizeHead': AllowedType(
            'mmaction_mer.datasets.transforms.standardize:StabilizeHead',
            _TRANSFORMS,
            {},
        ),
        'CenterCrop': AllowedType(
            'mmaction.datasets.transforms:CenterCrop',
            _TRANSFORMS,
            {'crop_size': any_of(list_of(_PIXELS, 2, 2), _PIXELS)},
            ('crop_size',),
        ),
        'Resize': AllowedType(
            'mmaction.datasets.transforms:Resize',
            _TRANSFORMS,
            {
                'scale': list_of(_PIXELS, 2, 2),
                'keep_ratio': boolean,
                'interpolation': one_of(
                    'nearest', 'bilinear', 'bicubic', 'area', 'lanczos'
                ),
            },
            ('scale',),
        ),
        'EulerianMagnification': AllowedType(
            'mmaction_mer.datasets.transforms.magnification:EulerianMagnification',
            _TRANSFORMS,
            {
                'output': one_of('motion', 'imgs'),
                'fps': optional(number(1e-3, 1e5)),
                **_BAND,
            },
        ),
        'RankPooling': AllowedType(
            'mmaction_mer.datasets.transforms.rank_pooling:RankPooling',
            _TRANSFORMS,
            {'remove_head_motion': boolean, 'output': one_of('rank_image', 'imgs')},
        ),
        'FormatShape': AllowedType(
            'mmaction.datasets.transforms:FormatShape',
            _TRANSFORMS,
            {'input_format': one_of('NCHW')},
            ('input_format',),
        ),
        'PackMERInputs': AllowedType(
            'mmaction_mer.datasets.transforms.packing:PackMERInputs',
            _TRANSFORMS,
            {'meta_keys': _META, 'fps': optional(number(1e-3, 1e5))},
        ),
        'PackActionInputs': AllowedType(
            'mmaction.datasets.transforms:PackActionInputs',
            _TRANSFORMS,
            {'meta_keys': _META},
        ),
    }
)
_MODEL = _config_of('MPTRecognizer', 'MIACRecognizer', 'Recognizer2D')
_FIRST = _config_of('LoadMERFrames')
_MIDDLE = _config_of(
    *('StandardizeLength', 'StabilizeHead', 'CenterCrop', 'Resize'),
    *('EulerianMagnification', 'RankPooling', 'FormatShape'),
)
_LAST = _config_of('PackMERInputs', 'PackActionInputs')


def check_config(model: Any, pipeline: Any) -> None:
    """See that a config asks for parts of this list and for none else.

    Args:
        model: Config of the recognizer.
        pipeline: Config of the test pipeline: a loading step, others, a packing step.

    Raises:
        NotAllowedError: It does not; the message has the place and the value.
    """
    _MODEL(model, 'model')
    if type(pipeline) not in (list, tuple) or not 2 <= len(pipeline) <= 16:
        reject(pipeline, 'pipeline', 'a list of 2 to 16 steps')
    _FIRST(pipeline[0], 'pipeline[0]')
    for index, step in enumerate(pipeline[1:-1], 1):
        _MIDDLE(step, f'pipeline[{index}]')
    _LAST(pipeline[-1], f'pipeline[{len(pipeline) - 1}]')
