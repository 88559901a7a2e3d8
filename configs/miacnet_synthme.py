"""MIACNet on SynthME, from what `ma2mi_miacnet_synthme.py` has learned."""

_base_ = [
    './_base_/datasets/synthme.py',
    './_base_/models/miacnet_r18-small_ma2mi.py',
    './_base_/schedules/miacnet.py',
    './_base_/default_runtime.py',
]
