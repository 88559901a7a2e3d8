"""MA2MI on SynthME's macro-expressions: minutes on two CPU cores."""

_base_ = [
    './_base_/datasets/synthme_pairs.py',
    './_base_/models/ma2mi_r18-small.py',
    './_base_/schedules/ma2mi.py',
    './_base_/pretraining_runtime.py',
]

train_cfg = dict(max_iters=1000, val_interval=250)
