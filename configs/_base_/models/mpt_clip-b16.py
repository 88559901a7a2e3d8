"""MPT over the image tower of OpenAI's CLIP, ViT-B/16.

`tools/convert_weights.py` makes the checkpoint of the release: docs/backbones.md.
"""

_base_ = './mpt_vit-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            pre_norm=True,
            norm_cfg=dict(type='LN', eps=1e-5),
            # OpenAI's; most models of open_clip have the plain GELU.
            layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
            init_cfg=dict(checkpoint='checkpoints/clip-b16_openai.pth'),
        ),
    ),
    data_preprocessor=dict(
        mean=(122.7709, 116.7460, 104.0937),
        std=(68.5005, 66.6322, 70.3232),
    ),
)
