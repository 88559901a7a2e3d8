"""Motion prompts with low-rank updates for group adapters (beyond the paper)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(adapter=None, lora=dict(rank=8, alpha=16)))
