"""MIACNet on CASME II, five classes, from what `ma2mi_miacnet_dfew.py` has learned."""

_base_ = [
    './_base_/datasets/casme2.py',
    './_base_/models/miacnet_r18_ma2mi.py',
    './_base_/schedules/miacnet.py',
    './_base_/default_runtime.py',
]
