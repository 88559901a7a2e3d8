"""Models: backbones, prompts and adapters, recognizers, pre-training."""

from .backbones.miacnet import MIACNet
from .backbones.mpt_vit import MPTViT
from .data_preprocessors.key_frames import KeyFramePreprocessor
from .data_preprocessors.mer import MERDataPreprocessor
from .peft.adapters import Bottleneck, GroupAdapter, PrimitiveAdapter
from .peft.lora import add_lora
from .peft.motion_prompt import MotionPrompt
from .peft.spatial_gaussian import SpatialGaussian
from .peft.vpt import VPTPrompt
from .pretraining.decoder import ActionDecoder
from .pretraining.ma2mi import MA2MI
from .pretraining.mpt_actions import MPTActions, MPTPairPreprocessor
from .recognizers.miac import MIACRecognizer
from .recognizers.mpt import MPTRecognizer
from .utils.complexity import (
    Cost,
    cost,
    count_activation_bytes,
    count_by_part,
    count_checkpoint_bytes,
    count_multiply_adds,
    count_parameters,
)
from .utils.pretrained import load_pretrained
from .utils.slim_checkpoint import (
    checkpoint_state_dict,
    enable_slim_loading,
    frozen_fingerprint,
    load_slim,
    slim_state_dict,
)

__all__ = [
    'ActionDecoder',
    'Bottleneck',
    'Cost',
    'GroupAdapter',
    'KeyFramePreprocessor',
    'MA2MI',
    'MERDataPreprocessor',
    'MIACNet',
    'MIACRecognizer',
    'MPTActions',
    'MPTPairPreprocessor',
    'MPTRecognizer',
    'MPTViT',
    'MotionPrompt',
    'PrimitiveAdapter',
    'SpatialGaussian',
    'VPTPrompt',
    'add_lora',
    'checkpoint_state_dict',
    'cost',
    'count_activation_bytes',
    'count_by_part',
    'count_checkpoint_bytes',
    'count_multiply_adds',
    'count_parameters',
    'enable_slim_loading',
    'frozen_fingerprint',
    'load_pretrained',
    'load_slim',
    'slim_state_dict',
]
