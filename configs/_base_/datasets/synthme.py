"""SynthME as `tools/data/make_synthme.py` writes it: three classes at 112 pixels."""

_base_ = './mer_224.py'

# Of the 119 pixels the data preprocessor keeps 112, in training at a random place.
train_pipeline = [
    dict(type='LoadMERFrames', max_frames=None),
    dict(type='StandardizeLength', length=16, average=True),
    dict(type='StabilizeHead'),
    dict(type='CenterCrop', crop_size=98),
    dict(type='Resize', scale=(119, 119), keep_ratio=False),
    dict(type='PackMERInputs'),
]
test_pipeline = [
    dict(type='LoadMERSource', dataset='synthme', max_frames=None),
    *train_pipeline[1:],
]

# Clips are read once, by the process that trains, and kept for all folds.
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root='data/synthme',
        data_prefix=dict(img=''),
        pipeline=train_pipeline,
        cache=True,
    ),
)
test_dataloader = train_dataloader
