"""The whole ViT trained from random weights (MPT, table VI)."""

_base_ = './full_vit-b16_smic.py'

model = dict(backbone=dict(vit=dict(init_cfg=None)))
