"""SCORE: metric functions, the metric for mmaction, and the pooled report."""

from .functional import (
    SCORES,
    absent_classes,
    confusion_matrix,
    f1_fold_mean,
    scores,
    scores_from_confusion,
    subject_interval,
)
from .localization import movement_regions, pointing_hits
from .mer_metric import MERMetric
from .paired import compare_runs, format_comparison
from .predictions import (
    read_predictions,
    validate_predictions,
    write_megc_log,
    write_predictions,
)
from .reconstruction_metric import ReconstructionMetric
from .report import SELECTIONS, format_report, pool, save_results
from .seeds import format_seeds, summarize_seeds

__all__ = [
    'MERMetric',
    'ReconstructionMetric',
    'SCORES',
    'SELECTIONS',
    'absent_classes',
    'compare_runs',
    'confusion_matrix',
    'f1_fold_mean',
    'format_comparison',
    'format_report',
    'format_seeds',
    'movement_regions',
    'pointing_hits',
    'pool',
    'read_predictions',
    'save_results',
    'scores',
    'scores_from_confusion',
    'subject_interval',
    'summarize_seeds',
    'validate_predictions',
    'write_megc_log',
    'write_predictions',
]
