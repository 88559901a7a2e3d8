"""MIACNet on SynthME, from what `ma2mi_miacnet_synthme.py` has learnt."""

_base_ = [
    './_base_/datasets/synthme.py',
    './_base_/models/miacnet_r18-small.py',
    './_base_/schedules/miacnet.py',
    './_base_/default_runtime.py',
]

start = dict(checkpoint='work_dirs/ma2mi_miacnet_synthme/last.pth', prefix='backbone')
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', **start)))
