"""MPT over the image tower of OpenAI's CLIP, ViT-B/32."""

_base_ = './mpt_clip-b16.py'

model = dict(
    backbone=dict(
        vit=dict(
            patch_size=32,
            init_cfg=dict(checkpoint='checkpoints/clip-b32_openai.pth'),
        ),
    ),
)
