"""USE: from a video to a label, a time and a place."""

from .framing import Framing, framing_of
from .load_source import LoadMERSource
from .mer_inferencer import MERInferencer
from .reading import Reading, WindowReading
from .sources import Limits, Source, open_source
from .weights import FoldWeights, load_weights, save_weights

__all__ = [
    'FoldWeights',
    'Framing',
    'Limits',
    'LoadMERSource',
    'MERInferencer',
    'Reading',
    'Source',
    'WindowReading',
    'framing_of',
    'load_weights',
    'open_source',
    'save_weights',
]
