"""USE: from a video to a label, a time and a place."""

from .clip_prediction import Reading, WindowPrediction
from .framing import Framing, framing_of
from .load_source import LoadMERSource
from .mer_inferencer import MERInferencer
from .overlay import overlay_frames, write_overlay
from .sources import Limits, Source, open_source
from .timeline import plot_timeline
from .weights import FoldWeights, load_weights, save_weights

__all__ = [
    'FoldWeights',
    'Framing',
    'Limits',
    'LoadMERSource',
    'MERInferencer',
    'Reading',
    'Source',
    'WindowPrediction',
    'framing_of',
    'load_weights',
    'open_source',
    'overlay_frames',
    'plot_timeline',
    'save_weights',
    'write_overlay',
]
