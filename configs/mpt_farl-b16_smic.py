"""MPT over FaRL ViT-B/16 on SMIC-HS, three classes, leave one subject out."""

_base_ = [
    './_base_/datasets/smic.py',
    './_base_/models/mpt_farl-b16.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
