"""MPT over a ViT-B/32 on SMIC-HS, leave one subject out."""

_base_ = [
    './_base_/datasets/smic.py',
    './_base_/models/mpt_vit-b32.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
