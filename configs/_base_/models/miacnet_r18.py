"""MIACNet of two ResNet-18 branches on onset, apex and offset (MA2MI, Fig. 2)."""

model = dict(
    type='MIACRecognizer',
    backbone=dict(
        type='MIACNet',
        branch=dict(
            type='mmpretrain.ResNet',
            depth=18,
            out_indices=(0, 1, 2, 3),
            norm_cfg=dict(type='GN', num_groups=32),
        ),
        width=128,
        code_channels=8,
        grid=14,
        features=8,
    ),
    cls_head=dict(
        type='TimeSformerHead',
        in_channels=2 * 8 * 14 * 14,
        topk=(1,),
        average_clips='prob',
    ),
    data_preprocessor=dict(
        type='KeyFramePreprocessor',
        frames=('onset', 'apex', 'offset'),
        augmentation=dict(flip=0.5),
    ),
)
