"""MODEL: motion prompts, adapters, the tuned ViT and the recognizer."""

from .adapters import Bottleneck, GroupAdapter, PrimitiveAdapter
from .complexity import (
    Cost,
    cost,
    count_activation_bytes,
    count_by_part,
    count_checkpoint_bytes,
    count_multiply_adds,
    count_parameters,
)
from .data_preprocessor import MERDataPreprocessor
from .lora import add_lora
from .miacnet import (
    MA2MI,
    ActionDecoder,
    KeyFramePreprocessor,
    MIACNet,
    MIACRecognizer,
)
from .motion_prompt import MotionPrompt
from .mpt_recognizer import MPTRecognizer
from .pretrained import load_pretrained
from .spatial_gaussian import SpatialGaussian
from .tuned_vit import MPTViT
from .vpt import VPTPrompt

__all__ = [
    'MA2MI',
    'ActionDecoder',
    'Bottleneck',
    'Cost',
    'GroupAdapter',
    'KeyFramePreprocessor',
    'MERDataPreprocessor',
    'MIACNet',
    'MIACRecognizer',
    'MPTRecognizer',
    'MPTViT',
    'MotionPrompt',
    'PrimitiveAdapter',
    'SpatialGaussian',
    'VPTPrompt',
    'add_lora',
    'cost',
    'count_activation_bytes',
    'count_by_part',
    'count_checkpoint_bytes',
    'count_multiply_adds',
    'count_parameters',
    'load_pretrained',
]
