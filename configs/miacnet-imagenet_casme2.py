"""MIACNet on CASME II, both branches from ImageNet, beside `miacnet_casme2.py`."""

_base_ = './miacnet_casme2.py'

site = 'https://download.openmmlab.com/mmclassification/v0/resnet/'
start = dict(checkpoint=site + 'resnet18_8xb32_in1k_20210831-fbbb1da6.pth')
# ImageNet's statistics stay as they are, so that clips and folds are not tied together.
branch = dict(
    norm_cfg=dict(_delete_=True, type='BN'),
    norm_eval=True,
    init_cfg=dict(type='Pretrained', prefix='backbone', **start),
)
grey = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
model = dict(backbone=dict(branch=branch, init_cfg=None), data_preprocessor=grey)
