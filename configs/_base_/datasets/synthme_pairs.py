"""Pairs of SynthME's macro-expressions at 112 pixels, and of people kept apart.

`python tools/data/make_synthme.py --kind macro --seed 1 --subjects 60 --clips 6
--out data/synthme-macro` makes them.
"""

_base_ = './pairs_224.py'

delta = (2, 12)
load = [
    dict(type='LoadMERFrames', max_frames=2),
    dict(type='StabilizeHead'),
    dict(type='CenterCrop', crop_size=98),
    dict(type='Resize', scale=(119, 119), keep_ratio=False),
]
kept_apart = ['sub01', 'sub02', 'sub03', 'sub04', 'sub05', 'sub06']
data_root = 'data/synthme-macro'
data = dict(
    type='MERDataset',
    ann_file='annotations.json',
    data_root=data_root,
    data_prefix=dict(img=''),
    held_out=kept_apart,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        side='train',
        pipeline=[
            dict(type='DrawFramePair', delta=delta),
            *load,
            dict(type='RandomCrop', size=112),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='PackMERInputs'),
        ],
        **data,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        side='test',
        test_mode=True,
        pipeline=[
            dict(type='DrawFramePair', delta=delta, seed=0),
            *load,
            dict(type='CenterCrop', crop_size=112),
            dict(type='PackMERInputs'),
        ],
        **data,
    ),
)
val_cfg = dict(type='ValLoop')
val_evaluator = dict(type='ReconstructionMetric')
