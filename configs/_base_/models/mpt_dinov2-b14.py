"""MPT over DINOv2, ViT-B/14 without registers.

It was trained at 518 pixels; at 224 there are 16 x 16 patches, to which its position
embedding is resized, once, when it is loaded.
"""

_base_ = './mpt_vit-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            patch_size=14,
            layer_scale_init_value=1e-5,
            init_cfg=dict(
                checkpoint='https://download.openmmlab.com/mmpretrain/v1.0/dinov2/'
                'vit-base-p14_dinov2-pre_3rdparty_20230426-ba246503.pth'
            ),
        ),
    ),
    data_preprocessor=dict(
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    ),
)
