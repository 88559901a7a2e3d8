"""Loading of any MER data set at 224 pixels; a data set names its folder."""

# Nothing here is random: flips are the data preprocessor's, on the device.
train_pipeline = [
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='PackMERInputs'),
]
# For mmaction.apis.inference_recognizer, which reads a file instead of a data set.
test_pipeline = [dict(type='LoadMERSource', max_frames=16), *train_pipeline[1:]]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
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
test_dataloader = dict(
    train_dataloader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(train_dataloader['dataset'], test_mode=True),
)
test_evaluator = dict(type='MERMetric')
test_cfg = dict(type='TestLoop')
