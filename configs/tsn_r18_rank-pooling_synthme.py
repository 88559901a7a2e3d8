"""A stock mmaction recognizer on rank-pooled images: parts of MPT mixed into TSN."""

_base_ = [
    './_base_/datasets/synthme.py',
    './_base_/schedules/mpt.py',
    './_base_/default_runtime.py',
]

train_pipeline = [
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='StabilizeHead'),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='RankPooling', remove_head_motion=True, output='imgs'),
    dict(type='FormatShape', input_format='NCHW'),
    dict(
        type='PackActionInputs', meta_keys=('dataset', 'subject', 'clip', 'img_shape')
    ),
]
val_pipeline = [step for step in train_pipeline if step['type'] != 'Flip']
test_pipeline = [
    dict(type='LoadMERSource', dataset='synthme', max_frames=16),
    *val_pipeline[1:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=val_pipeline))

model = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=18, pretrained=None, norm_eval=False),
    cls_head=dict(type='TSNHead', in_channels=512, topk=(1,), average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3
    ),
)
