"""MIACNet on CASME II, five classes, from what `ma2mi_miacnet_dfew.py` has learnt."""

_base_ = [
    './_base_/datasets/casme2.py',
    './_base_/models/miacnet_r18.py',
    './_base_/schedules/miacnet.py',
    './_base_/default_runtime.py',
]

start = dict(checkpoint='work_dirs/ma2mi_miacnet_dfew/last.pth', prefix='backbone')
backbone = dict(init_cfg=dict(type='Pretrained', **start))
model = dict(backbone=backbone, cls_head=dict(num_classes=5))
