"""Analysis of finished runs: report, figures, scores and comparisons."""

from .run_report_hook import RunReportHook

__all__ = ['RunReportHook']
