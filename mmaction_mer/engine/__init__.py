"""Training: runners of protocols, strategies, hooks, and the work directory."""

from .hooks.pretraining import PretrainedOnHook, ReconstructionHook, ThroughputHook
from .hooks.slim_checkpoint_hook import SlimCheckpointHook
from .hooks.visualization_hook import MERVisualizationHook
from .runners.fold_runner import FoldRunner
from .runners.loso_runner import LOSORunner
from .runners.num_classes import with_num_classes
from .runners.run_checks import watch_runners
from .runners.seeded_loop import SeededTrainLoop
from .strategies import STRATEGIES

__all__ = [
    'FoldRunner',
    'LOSORunner',
    'MERVisualizationHook',
    'PretrainedOnHook',
    'ReconstructionHook',
    'STRATEGIES',
    'SeededTrainLoop',
    'SlimCheckpointHook',
    'ThroughputHook',
    'with_num_classes',
]

watch_runners()
