"""Adam at 1e-3 with a cosine, in batches of 16, counted in iterations."""

train_cfg = dict(type='IterBasedTrainLoop', max_iters=100, val_interval=50)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', eta_min=0.0, by_epoch=False)
