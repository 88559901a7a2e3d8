"""Motion prompts with one adapter for all tokens of a layer (MPT, table VIII)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(adapter=dict(type='PrimitiveAdapter')))
