"""Adam at 3e-4 in batches of 16 (MPT, section IV-A), counted in iterations.

The paper does not say how long it trains. 600 iterations of 16 clips are about 40
passes over CASME II; the schedule is fixed, so that no fold chooses its own end.
"""

train_cfg = dict(type='IterBasedTrainLoop', max_iters=600, val_interval=50)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=3e-4))
