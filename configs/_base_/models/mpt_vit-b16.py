"""MPT over a ViT-B/16 pre-trained on ImageNet-21k (MPT, section IV-A)."""

model = dict(
    type='MPTRecognizer',
    backbone=dict(
        type='MPTViT',
        vit=dict(
            type='mmpretrain.VisionTransformer',
            arch='b',
            img_size=224,
            patch_size=16,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmclassification/v0/vit/'
                'pretrain/vit-base-p16_3rdparty_pt-64xb64_in1k-224_20210928-02284250.pth',
                prefix='backbone',
            ),
        ),
        prompt=dict(type='MotionPrompt', num_prompts=5, length=16),
        adapter=dict(type='GroupAdapter', reduction=8),
    ),
    cls_head=dict(
        type='TimeSformerHead',
        in_channels=768,
        topk=(1,),
        average_clips='prob',
    ),
    data_preprocessor=dict(
        type='MERDataPreprocessor',
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
        alpha=20.0,
        low=0.4,
        high=4.0,
        augmentation=dict(flip=0.5),
    ),
)
