"""Partial fine-tuning: the linear head alone learns (MPT, table VI)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(prompt=None, adapter=None))
