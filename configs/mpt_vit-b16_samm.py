"""MPT on SAMM, five classes, leave one subject out (MPT, table II)."""

_base_ = [
    './_base_/datasets/samm.py',
    './_base_/models/mpt_vit-b16.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
