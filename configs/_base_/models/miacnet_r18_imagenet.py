"""MIACNet whose branches start from ImageNet."""

_base_ = './miacnet_r18.py'

model = dict(
    backbone=dict(
        branch=dict(
            # ImageNet's statistics are frozen, so that neither the clips of a batch
            # nor the folds of a stack depend on one another.
            norm_cfg=dict(_delete_=True, type='BN'),
            norm_eval=True,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmclassification/v0/resnet/'
                'resnet18_8xb32_in1k_20210831-fbbb1da6.pth',
                prefix='backbone',
            ),
        ),
    ),
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
)
