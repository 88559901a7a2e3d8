"""MPT over a ViT-B/32 pre-trained on ImageNet-21k."""

_base_ = './mpt_vit-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            patch_size=32,
            init_cfg=dict(
                checkpoint='https://download.openmmlab.com/mmclassification/v0/vit/'
                'pretrain/vit-base-p32_3rdparty_pt-64xb64_in1k-224_20210928-eee25dd4.pth'
            ),
        ),
    ),
)
