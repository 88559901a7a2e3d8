"""MPT over DeiT-B/16, supervised on ImageNet-1k, not distilled."""

_base_ = './mpt_vit-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='https://download.openmmlab.com/mmclassification/v0/deit/'
                'deit-base_3rdparty_pt-16xb64_in1k_20211124-6f40c188.pth'
            ),
        ),
    ),
    data_preprocessor=dict(
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    ),
)
