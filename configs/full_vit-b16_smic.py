"""Full fine-tuning of a pre-trained ViT, no prompts or adapters (MPT, table VI)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(backbone=dict(prompt=None, adapter=None, freeze_vit=False))
