"""MPT over the encoder of MAE, ViT-B/16, pre-trained on ImageNet-1k, 1600 epochs."""

_base_ = './mpt_vit-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='https://download.openmmlab.com/mmselfsup/1.x/mae/'
                'mae_vit-base-p16_8xb512-fp16-coslr-1600e_in1k/'
                'mae_vit-base-p16_8xb512-fp16-coslr-1600e_in1k_20220825-f7569ca2.pth'
            ),
        ),
    ),
    data_preprocessor=dict(
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    ),
)
