"""Ablation tables: rows of overrides over one base config, run and compared."""

from .command import run_tables, write_table
from .figure import plot_ablation
from .overrides import apply_overrides
from .rendering import to_latex, to_markdown
from .runs import is_up_to_date, read_finished, read_row, run_trial
from .spec import RowSpec, TableSpec, read_table
from .table import RowResult, build_table
from .trials import TablePlan, Trial, plan_table

__all__ = [
    'RowResult',
    'RowSpec',
    'TablePlan',
    'TableSpec',
    'Trial',
    'apply_overrides',
    'build_table',
    'is_up_to_date',
    'plan_table',
    'plot_ablation',
    'read_finished',
    'read_row',
    'read_table',
    'run_tables',
    'run_trial',
    'to_latex',
    'to_markdown',
    'write_table',
]
