"""Pairs of SynthME's macro-expressions at 112 pixels, with six people held out.

`python tools/data/make_synthme.py --kind macro --seed 1 --subjects 60 --clips 6
--out data/synthme-macro` makes them.
"""

_base_ = './pairs_224.py'

train_pipeline = [
    dict(type='DrawFramePair', delta=(2, 12)),
    dict(type='LoadMERFrames', max_frames=2),
    dict(type='StabilizeHead'),
    dict(type='CenterCrop', crop_size=98),
    dict(type='Resize', scale=(119, 119), keep_ratio=False),
    dict(type='RandomCrop', size=112),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackMERInputs'),
]
val_pipeline = [
    dict(train_pipeline[0], seed=0),
    *train_pipeline[1:5],
    dict(type='CenterCrop', crop_size=112),
    dict(type='PackMERInputs'),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        type='MERDataset',
        ann_file='annotations.json',
        data_root='data/synthme-macro',
        data_prefix=dict(img=''),
        held_out=['sub01', 'sub02', 'sub03', 'sub04', 'sub05', 'sub06'],
        side='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        train_dataloader['dataset'], side='test', test_mode=True, pipeline=val_pipeline
    ),
)
val_cfg = dict(type='ValLoop')
val_evaluator = dict(type='ReconstructionMetric')
