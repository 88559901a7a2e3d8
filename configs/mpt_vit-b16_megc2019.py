"""MPT on the MEGC 2019 composite, three classes, leave one subject out."""

_base_ = [
    './_base_/datasets/megc2019.py',
    './_base_/models/mpt_vit-b16.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
