"""MPT over DINOv2's ViT-B/14 on SMIC-HS, three classes, leave one subject out."""

_base_ = [
    './_base_/datasets/smic.py',
    './_base_/models/mpt_dinov2-b14.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]
