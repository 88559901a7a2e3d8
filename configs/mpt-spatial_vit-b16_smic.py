"""MPT whose prompts have a place on the face, too (beyond the paper)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(prompt=dict(spatial=True)))
