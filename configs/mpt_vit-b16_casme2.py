"""MPT on CASME II, five classes, leave one subject out (MPT, table I)."""

_base_ = [
    './_base_/datasets/casme2.py',
    './_base_/models/mpt_vit-b16.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
