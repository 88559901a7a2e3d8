"""What every pre-training shares: mmengine's own Runner, a line every 50 iterations."""

_base_ = './runtime.py'

default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(type='SlimCheckpointHook', interval=100)
)
