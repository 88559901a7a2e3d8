"""Group adapters with shallow visual prompts for motion prompts (MPT, table VII)."""

_base_ = './mpt_vit-b16_smic.py'

model = dict(
    backbone=dict(prompt=dict(_delete_=True, type='VPTPrompt', num_prompts=50))
)
