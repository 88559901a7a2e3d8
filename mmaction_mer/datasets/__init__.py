"""Data: annotation files, protocols, the dataset class and loading."""

from .annotation import read_annotation, validate_annotation, write_annotation
from .clips import UsableClips, load_clip, usable_clips
from .mer_dataset import MERDataset
from .protocols import (
    Fold,
    assert_disjoint,
    cross_dataset,
    group_kfold,
    holdout,
    inner_split,
    leave_one_subject_out,
    make_folds,
    register_protocol,
)
from .transforms.frame_pairs import DrawFramePair, draw_pair
from .transforms.frame_rates import frame_rate
from .transforms.loading import LoadMERFrames
from .transforms.magnification import EulerianMagnification, PassBandCheck
from .transforms.packing import PackMERInputs
from .transforms.rank_pooling import RankPooling
from .transforms.standardize import StabilizeHead, StandardizeLength
from .transforms.stock_packing import install_packing_check

__all__ = [
    'PassBandCheck',
    'DrawFramePair',
    'EulerianMagnification',
    'Fold',
    'LoadMERFrames',
    'MERDataset',
    'PackMERInputs',
    'RankPooling',
    'StabilizeHead',
    'StandardizeLength',
    'UsableClips',
    'assert_disjoint',
    'cross_dataset',
    'draw_pair',
    'frame_rate',
    'group_kfold',
    'holdout',
    'inner_split',
    'leave_one_subject_out',
    'load_clip',
    'make_folds',
    'read_annotation',
    'register_protocol',
    'usable_clips',
    'validate_annotation',
    'write_annotation',
]

install_packing_check()
