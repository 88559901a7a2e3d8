"""The small MIACNet from the weights that `ma2mi_miacnet_synthme.py` leaves."""

_base_ = './miacnet_r18-small.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/ma2mi_miacnet_synthme/last.pth',
            prefix='backbone',
        ),
    ),
)
