"""MOTION: from frames to magnified motion and a rank-pooled image."""

from .frame_rates import frame_rate
from .front_end import front_end_matrices, motion_front_end, motion_streams
from .limits import ClipLimits, Verdict, judge
from .magnification import (
    level_gains,
    magnify,
    magnify_pyramid,
    pyramid_levels,
    to_video,
)
from .rank_pooling import rank_pool, rank_pooling_weights, to_grey_levels
from .stabilize import stabilize
from .steady import head_columns, remove_head_motion, remove_head_motion_numpy
from .stock_packing import watch_packing
from .temporal import (
    bandpass_matrix,
    clamp_band,
    effective_fps,
    interpolation_matrix,
)
from .transforms import (
    BandNotice,
    EulerianMagnification,
    PackMERInputs,
    RankPooling,
    StabilizeHead,
    StandardizeLength,
)

__all__ = [
    'BandNotice',
    'ClipLimits',
    'EulerianMagnification',
    'PackMERInputs',
    'RankPooling',
    'StabilizeHead',
    'StandardizeLength',
    'Verdict',
    'bandpass_matrix',
    'clamp_band',
    'effective_fps',
    'frame_rate',
    'front_end_matrices',
    'head_columns',
    'interpolation_matrix',
    'judge',
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

watch_packing()
