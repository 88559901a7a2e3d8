"""SynthME as `tools/data/make_synthme.py` writes it: three classes at 112 pixels."""

_base_ = './mer_224.py'

train_pipeline = [
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='StabilizeHead'),
    dict(type='Resize', scale=(118, 118), keep_ratio=False),
    dict(type='RandomCrop', size=112),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackMERInputs'),
]
test_pipeline = [
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='StabilizeHead'),
    dict(type='Resize', scale=(118, 118), keep_ratio=False),
    dict(type='CenterCrop', crop_size=112),
    dict(type='PackMERInputs'),
]

data_root = 'data/synthme'
train_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
)
