"""SynthME: synthetic micro-expression releases of which the truth is known.

Examples:
    >>> import numpy as np
    >>> from mmaction_mer.datasets.synthme import (
    ...     render_still, render_texture, sample_expression, sample_identity)
    >>> rng = np.random.default_rng(0)
    >>> face = render_texture(sample_identity(rng))
    >>> weights = sample_expression('surprise', rng, amplitude=6.0)
    >>> render_still(face, weights, rng, size=112).shape
    (112, 112, 3)
"""

from .actions import (
    ACTIONS,
    CLASSES,
    action_units,
    displacement,
    emotion_of,
    sample_expression,
    true_field,
)
from .clip import Timing, render_clip, render_still, sample_timing
from .face import Face, render_texture
from .identity import Identity, landmarks, sample_identity
from .nuisance import FPS, STILL, Nuisance
from .plan import Release
from .release import clip_field, is_complete, make_release

__all__ = [
    'ACTIONS',
    'CLASSES',
    'FPS',
    'STILL',
    'Face',
    'Identity',
    'Nuisance',
    'Release',
    'Timing',
    'action_units',
    'clip_field',
    'displacement',
    'emotion_of',
    'is_complete',
    'landmarks',
    'make_release',
    'render_clip',
    'render_still',
    'render_texture',
    'sample_expression',
    'sample_identity',
    'sample_timing',
    'true_field',
]
