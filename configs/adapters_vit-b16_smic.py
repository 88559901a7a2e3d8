"""Group adapters alone, no prompts (MPT, tables VI and VII)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(prompt=None))
