"""SynthME as `tools/data/make_synthme.py` writes it: three classes at 112 pixels."""

_base_ = './mer_224.py'

train_pipeline = [
    dict(type='LoadMERFrames', max_frames=None),
    dict(type='StandardizeLength', length=16, average=True),
    dict(type='StabilizeHead'),
    dict(type='CenterCrop', crop_size=98),
    dict(type='RandomCrop', size=92),
    dict(type='Resize', scale=(112, 112), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackMERInputs'),
]
test_pipeline = [
    dict(type='LoadMERFrames', max_frames=None),
    dict(type='StandardizeLength', length=16, average=True),
    dict(type='StabilizeHead'),
    dict(type='CenterCrop', crop_size=92),
    dict(type='Resize', scale=(112, 112), keep_ratio=False),
    dict(type='PackMERInputs'),
]

data_root = 'data/synthme'
# Clips are read once, by the process that trains, and kept for all folds.
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(img=''),
        pipeline=train_pipeline,
        cache=True,
    ),
)
test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(img=''),
        pipeline=test_pipeline,
        cache=True,
    ),
)
