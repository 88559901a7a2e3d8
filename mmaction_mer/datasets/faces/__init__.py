"""Face detection in the first frame of a clip, and one alignment for all frames."""

from .alignment import TEMPLATE, align, align_matrix
from .finder import Face, FaceFinder, FaceNotFoundError
from .model import find_model

__all__ = [
    'TEMPLATE',
    'Face',
    'FaceFinder',
    'FaceNotFoundError',
    'align',
    'align_matrix',
    'find_model',
]
