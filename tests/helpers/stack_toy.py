"""A small MPT recognizer for the tests of stacked folds: config text, no classes."""

CONFIG = """
custom_imports = dict(imports=['mmaction_mer'], allow_failed_imports=False)
default_scope = 'mmaction'
runner_type = 'LOSORunner'
loso = dict(protocol='loso', strategy='stacked')
pipeline = [
    dict(type='LoadMERFrames', max_frames=4),
    dict(type='StandardizeLength', length=4),
    dict(type='Resize', scale=(36, 36), keep_ratio=False),
    dict(type='PackMERInputs'),
]
data = dict(type='MERDataset', ann_file='uneven.json', data_root=r'{root}',
            data_prefix=dict(img='frames'), pipeline=pipeline)
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=data)
test_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, test_mode=True))
test_evaluator = dict(type='MERMetric')
test_cfg = dict()
model = dict(
    type='MPTRecognizer',
    backbone=dict(
        type='MPTViT',
        vit=dict(
            type='mmpretrain.VisionTransformer', img_size=32, patch_size=16,
            arch=dict(embed_dims=16, num_layers=2, num_heads=2,
                      feedforward_channels=32)),
        prompt=dict(type='MotionPrompt', num_prompts=2, length=4, channels=8),
        adapter=dict(type='GroupAdapter', reduction=4)),
    cls_head=dict(type='TimeSformerHead', num_classes=3, in_channels=16, topk=(1,),
                  average_clips='prob', dropout_ratio=0.3),
    data_preprocessor=dict(
        type='MERDataPreprocessor', augmentation=dict(crop=32, flip=0.5)))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=8)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=0.01))
param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=4)]
default_hooks = dict(
    checkpoint=dict(type='SlimCheckpointHook', interval=2, share=None),
    logger=dict(type='LoggerHook', interval=1))
log_processor = dict(type='LogProcessor', window_size=1, by_epoch=False)
randomness = dict(seed=3)
"""
