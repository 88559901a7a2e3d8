"""SEE: figures, made without matplotlib's global state.

Every drawing function returns a :class:`matplotlib.figure.Figure` that belongs to no
window, so they work on servers and in several threads.
"""

from .ablation_figure import plot_ablation
from .clip_figure import plot_clip
from .clip_sheets import clip_sheets, write_clip_sheets
from .confusion import plot_confusion
from .contact_sheet import contact_sheet
from .dataset_figures import plot_classes, plot_subjects, plot_times
from .heat_figure import plot_heat_maps
from .reconstruction_figure import plot_reconstruction
from .saving import save_figure

__all__ = [
    'clip_sheets',
    'contact_sheet',
    'plot_ablation',
    'plot_classes',
    'plot_clip',
    'plot_confusion',
    'plot_heat_maps',
    'plot_reconstruction',
    'plot_subjects',
    'plot_times',
    'save_figure',
    'write_clip_sheets',
]
