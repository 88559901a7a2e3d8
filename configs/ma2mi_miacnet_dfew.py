"""MA2MI: pre-train MIACNet on DFEW's videos, for `miacnet_*.py`."""

_base_ = [
    './_base_/datasets/dfew_pairs.py',
    './_base_/models/ma2mi_r18.py',
    './_base_/schedules/ma2mi.py',
    './_base_/pretraining_runtime.py',
]
