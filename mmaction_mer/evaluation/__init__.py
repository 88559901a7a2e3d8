"""Metric functions, metrics for mmengine's evaluator, and summaries of runs."""

from .bootstrap import class_recalls, subject_bootstrap, subject_interval
from .functional import (
    SCORES,
    absent_classes,
    batched_scores,
    confusion_by_group,
    confusion_matrix,
    f1_fold_mean,
    scores,
    scores_from_confusion,
)
from .localization import movement_regions, pointing_hits
from .metrics import MERMetric, ReconstructionMetric
from .paired import compare_runs, format_comparison
from .predictions import (
    read_predictions,
    validate_predictions,
    write_megc_log,
    write_predictions,
)
from .summary import SELECTIONS, summarize_run, summarize_seeds
from .summary_text import format_summary

__all__ = [
    'MERMetric',
    'ReconstructionMetric',
    'SCORES',
    'SELECTIONS',
    'absent_classes',
    'batched_scores',
    'class_recalls',
    'compare_runs',
    'confusion_by_group',
    'confusion_matrix',
    'f1_fold_mean',
    'format_comparison',
    'format_summary',
    'movement_regions',
    'pointing_hits',
    'read_predictions',
    'scores',
    'scores_from_confusion',
    'subject_bootstrap',
    'subject_interval',
    'summarize_run',
    'summarize_seeds',
    'validate_predictions',
    'write_megc_log',
    'write_predictions',
]
