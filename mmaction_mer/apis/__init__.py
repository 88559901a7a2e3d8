"""Inference: from a video to a label, its time and its location in the face."""

from .clip_prediction import ClipPrediction, WindowPrediction
from .frame_sources import FrameSource, SourceLimits, open_frame_source
from .framing import Framing, get_framing
from .load_source import LoadMERSource
from .mer_inferencer import MERInferencer
from .overlay import overlay_frames, write_overlay
from .timeline import plot_timeline
from .weights import FoldWeights, load_weights, save_weights

__all__ = [
    'ClipPrediction',
    'FoldWeights',
    'FrameSource',
    'Framing',
    'LoadMERSource',
    'MERInferencer',
    'SourceLimits',
    'WindowPrediction',
    'get_framing',
    'load_weights',
    'open_frame_source',
    'overlay_frames',
    'plot_timeline',
    'save_weights',
    'write_overlay',
]
