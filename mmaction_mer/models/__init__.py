"""MODEL: motion prompts, adapters, the tuned ViT and the recognizer."""

from .adapters import Bottleneck, GroupAdapter, PrimitiveAdapter
from .complexity import count_by_part, count_multiply_adds, count_parameters
from .data_preprocessor import MERDataPreprocessor
from .lora import add_lora
from .motion_prompt import MotionPrompt
from .mpt_recognizer import MPTRecognizer
from .pretrained import load_pretrained
from .spatial_gaussian import SpatialGaussian
from .tuned_vit import MPTViT
from .vpt import VPTPrompt

__all__ = [
    'Bottleneck',
    'GroupAdapter',
    'MERDataPreprocessor',
    'MPTRecognizer',
    'MPTViT',
    'MotionPrompt',
    'PrimitiveAdapter',
    'SpatialGaussian',
    'VPTPrompt',
    'add_lora',
    'count_by_part',
    'count_multiply_adds',
    'count_parameters',
    'load_pretrained',
]
