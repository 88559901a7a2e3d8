"""Settings of every pre-training: mmengine's own Runner, a log line every 50 steps."""

_base_ = './runtime.py'

default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(type='SlimCheckpointHook', interval=100)
)
