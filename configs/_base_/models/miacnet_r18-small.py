"""MIACNet with branches of a sixteenth of ResNet-18, for a CPU."""

_base_ = './miacnet_r18.py'

model = dict(
    backbone=dict(
        branch=dict(stem_channels=16, base_channels=16, norm_cfg=dict(num_groups=8)),
        width=64,
    ),
    data_preprocessor=dict(augmentation=dict(crop=112)),
)
