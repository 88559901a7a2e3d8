"""MPT over FaRL: OpenAI's CLIP, ViT-B/16, trained on with 20 million faces."""

_base_ = './mpt_clip-b16.py'

model = dict(
    backbone=dict(
        vit=dict(init_cfg=dict(checkpoint='checkpoints/farl-b16_ep16.pth')),
    ),
)
