"""MOTION: from frames to magnified motion and a rank-pooled image."""

from .front_end import front_end_matrices, motion_front_end, motion_streams
from .head_motion import head_columns, remove_head_motion, remove_head_motion_numpy
from .limits import ClipLimits, LimitResult, check_clip_limits
from .magnification import (
    level_gains,
    magnify,
    magnify_pyramid,
    pyramid_levels,
    to_video,
)
from .magnified_clip import MagnifiedClip
from .rank_pooling import rank_pool, rank_pooling_weights, to_grey_levels
from .registration import stabilize
from .temporal import bandpass_matrix, clamp_band, effective_fps, interpolation_matrix

__all__ = [
    'ClipLimits',
    'MagnifiedClip',
    'LimitResult',
    'bandpass_matrix',
    'clamp_band',
    'effective_fps',
    'front_end_matrices',
    'head_columns',
    'interpolation_matrix',
    'check_clip_limits',
    'level_gains',
    'magnify',
    'magnify_pyramid',
    'motion_front_end',
    'motion_streams',
    'pyramid_levels',
    'rank_pool',
    'rank_pooling_weights',
    'remove_head_motion',
    'remove_head_motion_numpy',
    'stabilize',
    'to_grey_levels',
    'to_video',
]
