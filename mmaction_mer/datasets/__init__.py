"""Data: annotation files, protocols, the dataset class and loading."""

from .annotation import (
    MERDataError,
    read_annotation,
    validate_annotation,
    write_annotation,
)
from .clips import UsableClips, load_clip, usable_clips
from .loading import LoadMERFrames
from .mer_dataset import MERDataset
from .pairs import DrawFramePair, draw_pair
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

__all__ = [
    'DrawFramePair',
    'Fold',
    'LoadMERFrames',
    'MERDataError',
    'MERDataset',
    'UsableClips',
    'assert_disjoint',
    'cross_dataset',
    'draw_pair',
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
