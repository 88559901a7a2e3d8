"""MPT, each kind of token adapted by itself (beyond the paper)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(adapter=dict(share_means=False)))
