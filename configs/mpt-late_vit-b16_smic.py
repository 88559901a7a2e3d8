"""MPT with adapters in the upper six layers alone (beyond the paper)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(adapter_start_layer=6))
