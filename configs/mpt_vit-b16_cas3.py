"""MPT on CAS(ME)^3 part A, seven classes, leave one subject out."""

_base_ = [
    './_base_/datasets/cas3.py',
    './_base_/models/mpt_vit-b16.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
