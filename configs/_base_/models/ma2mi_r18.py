"""MA2MI around a MIACNet of two ResNet-18 branches (MA2MI, Fig. 3)."""

model = dict(
    type='MA2MI',
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
        features=None,
    ),
    losses=dict(pixel=1.0, latent=1.0, sparse=0.03),
    data_preprocessor=dict(type='KeyFramePreprocessor', frames=('onset', 'offset')),
)
