"""Finished runs: report page, figures and the pointing game."""

from .run_report_hook import RunReportHook

__all__ = ['RunReportHook']
