"""MPT on SMIC-HS, three classes, leave one subject out (MPT, table III)."""

_base_ = [
    './_base_/datasets/smic.py',
    './_base_/models/mpt_vit-b16.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
