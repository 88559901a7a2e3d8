"""Conversion of weights of other projects to mmpretrain's ViT."""

from .convert import LAYOUTS, Conversion, check_fit, convert, detect_layout
from .files import read_weights
from .layout import ConversionError

__all__ = [
    'LAYOUTS',
    'Conversion',
    'ConversionError',
    'check_fit',
    'convert',
    'detect_layout',
    'read_weights',
]
