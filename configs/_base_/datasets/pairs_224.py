"""Pairs of frames of videos at 224 pixels; a data set names its folder.

What is random is drawn clip by clip under its own seed: pair, crop and flip.
"""

train_pipeline = [
    dict(type='DrawFramePair', delta=(1, 8)),
    dict(type='LoadMERFrames', max_frames=2),
    dict(type='Resize', scale=(240, 240), keep_ratio=False),
    dict(type='RandomCrop', size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackMERInputs'),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='MERDataset',
        ann_file='annotations.json',
        data_root='',
        data_prefix=dict(img='frames'),
        pipeline=train_pipeline,
    ),
)
