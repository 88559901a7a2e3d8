"""Training: protocols run fold by fold, slim checkpoints, what stands on disk."""

from .errors import MERRunError
from .fold_runner import FoldRunner
from .hooks import SlimCheckpointHook
from .loso_runner import LOSORunner
from .num_classes import with_num_classes
from .pretraining_hooks import PretrainedOnHook, ReconstructionHook, ThroughputHook
from .run_checks import watch_runners
from .seeded_loop import SeededTrainLoop
from .slim_checkpoint import (
    checkpoint_state_dict,
    enable_slim_loading,
    frozen_fingerprint,
    load_slim,
    slim_state_dict,
)
from .strategies import STRATEGIES
from .type_names import name_types

__all__ = [
    'STRATEGIES',
    'FoldRunner',
    'LOSORunner',
    'MERRunError',
    'PretrainedOnHook',
    'ReconstructionHook',
    'SeededTrainLoop',
    'SlimCheckpointHook',
    'ThroughputHook',
    'checkpoint_state_dict',
    'enable_slim_loading',
    'frozen_fingerprint',
    'load_slim',
    'name_types',
    'slim_state_dict',
    'with_num_classes',
]

watch_runners()
