"""SynthME: synthetic micro-expression releases with ground-truth motion.

Examples:
    >>> import numpy as np
    >>> from mmaction_mer.datasets.synthme import (
    ...     render_clip, render_texture, sample_expression, sample_identity,
    ...     sample_timing)
    >>> rng = np.random.default_rng(0)
    >>> face = render_texture(sample_identity(rng))
    >>> weights = sample_expression('surprise', rng, amplitude=1.0)
    >>> timing = sample_timing(rng)
    >>> clip = render_clip(face, weights, timing, rng, size=112)
    >>> clip.shape == (timing.length, 112, 112, 3)
    True
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
from .clip import Timing, render_clip, sample_timing
from .face import Face, render_texture
from .identity import Identity, landmarks, sample_identity
from .nuisance import FPS, Nuisance
from .plan import Release
from .release import clip_field, is_complete, make_release

__all__ = [
    'ACTIONS',
    'CLASSES',
    'FPS',
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
    'render_texture',
    'sample_expression',
    'sample_identity',
    'sample_timing',
    'true_field',
]
