"""The demo: MPT on synthetic micro-expressions, minutes on two CPU cores."""

_base_ = [
    './_base_/datasets/synthme.py',
    './_base_/models/mpt_vit-tiny.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]

# Heads drift in SynthME: their own motion is taken out (not part of the paper).
model = dict(data_preprocessor=dict(remove_head_motion=True))
train_cfg = dict(max_iters=80)
