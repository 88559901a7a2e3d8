"""Motion prompts alone, no adapters (MPT, tables VI and VIII)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(adapter=None))
