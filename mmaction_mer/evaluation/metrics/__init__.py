"""Metrics for mmengine's evaluator: thin classes around the functions of this room."""

from .mer_metric import MERMetric
from .reconstruction_metric import ReconstructionMetric

__all__ = ['MERMetric', 'ReconstructionMetric']
