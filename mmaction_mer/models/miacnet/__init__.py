"""MIACNet, and MA2MI that pre-trains it on macro-expression videos."""

from .branch import Branch
from .decoder import ActionDecoder, warp
from .heat import heat_map
from .key_frames import KeyFramePreprocessor
from .mpt_actions import MPTActions, MPTPairPreprocessor
from .network import MIACNet
from .pretrainer import MA2MI
from .recognizer import MIACRecognizer

__all__ = [
    'MA2MI',
    'ActionDecoder',
    'Branch',
    'KeyFramePreprocessor',
    'MIACNet',
    'MIACRecognizer',
    'MPTActions',
    'MPTPairPreprocessor',
    'heat_map',
    'warp',
]
