"""SynthME's pairs as MPT's clips: 16 frames from I_t to I_(t+delta), in slow motion."""

_base_ = './synthme_pairs.py'

train_pipeline = [
    # A pair is taken to last half a second, as long as a micro-expression does.
    dict(type='DrawFramePair', delta=(6, 24), seconds=0.5),
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='StabilizeHead'),
    dict(type='CenterCrop', crop_size=98),
    dict(type='Resize', scale=(119, 119), keep_ratio=False),
    dict(type='RandomCrop', size=112),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackMERInputs'),
]
val_pipeline = [
    dict(train_pipeline[0], seed=0),
    *train_pipeline[1:6],
    dict(type='CenterCrop', crop_size=112),
    dict(type='PackMERInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
