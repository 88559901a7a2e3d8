"""Functions that draw arrays as figures and videos.

Every ``plot_*`` function returns a :class:`matplotlib.figure.Figure` that is not
registered with pyplot, so they work without a display and in several threads.
"""

from .class_bars import plot_class_accuracy
from .clip_figure import plot_clip
from .clip_sheets import clip_sheets, write_clip_sheets
from .confusion import plot_confusion
from .contact_sheet import contact_sheet
from .dataset_figures import plot_classes, plot_subjects, plot_times
from .embedding import tsne
from .gaussian_figure import plot_gaussians
from .heat_figure import plot_heat_maps
from .heat_over_face import over_face
from .mistake_figure import Mistake, plot_mistakes
from .reconstruction_figure import plot_reconstruction
from .saving import save_figure
from .token_figure import plot_tokens
from .video import side_by_side, write_video

__all__ = [
    'Mistake',
    'clip_sheets',
    'contact_sheet',
    'over_face',
    'plot_class_accuracy',
    'plot_classes',
    'plot_clip',
    'plot_confusion',
    'plot_gaussians',
    'plot_heat_maps',
    'plot_mistakes',
    'plot_reconstruction',
    'plot_subjects',
    'plot_times',
    'plot_tokens',
    'save_figure',
    'side_by_side',
    'tsne',
    'write_clip_sheets',
    'write_video',
]
