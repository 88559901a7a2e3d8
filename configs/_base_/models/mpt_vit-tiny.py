"""MPT over the small ViT that ships with the package (1.3 M parameters, 112 pixels).

`tools/pretrain_synthme.py` made its weights from macroscopic synthetic expressions.
"""

_base_ = './mpt_vit-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            arch=dict(
                _delete_=True,
                embed_dims=128,
                num_layers=6,
                num_heads=4,
                feedforward_channels=512,
            ),
            img_size=112,
            init_cfg=dict(
                checkpoint='mmaction_mer://vit-tiny_synthme.pth', prefix=None
            ),
        ),
    ),
    cls_head=dict(in_channels=128),
    data_preprocessor=dict(augmentation=dict(crop=112)),
)
