"""MIACNet from the weights that `ma2mi_miacnet_dfew.py` leaves."""

_base_ = './miacnet_r18.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/ma2mi_miacnet_dfew/last.pth',
            prefix='backbone',
        ),
    ),
)
