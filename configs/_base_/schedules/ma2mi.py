"""AdamW with warm-up and a cosine, counted in iterations, with figures."""

train_cfg = dict(type='SeededTrainLoop', max_iters=20000, val_interval=2000)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=100, eta_min=0.0, by_epoch=False),
]
custom_hooks = [
    dict(type='PretrainedOnHook'),
    dict(type='ThroughputHook'),
    dict(type='ReconstructionHook', interval=500),
]
