"""The bridge: MPT's prompts and adapters pre-trained as MIACNet is, on SynthME."""

_base_ = [
    './_base_/datasets/synthme_pair-clips.py',
    './_base_/models/ma2mi_mpt_vit-tiny.py',
    './_base_/schedules/ma2mi.py',
    './_base_/pretraining_runtime.py',
]

train_cfg = dict(max_iters=600, val_interval=200)
