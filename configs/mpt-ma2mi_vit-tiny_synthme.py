"""The demo's MPT, its prompts and adapters from `ma2mi_mpt_synthme.py`."""

_base_ = './mpt_vit-tiny_synthme.py'

start = dict(checkpoint='work_dirs/ma2mi_mpt_synthme/last.pth', prefix='backbone')
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', **start)))
