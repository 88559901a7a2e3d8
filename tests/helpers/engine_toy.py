"""A toy recognizer for the tests of the engine: frozen layer, dropout, head."""

import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmaction.structures import ActionDataSample
from mmengine.model import BaseDataPreprocessor, BaseModel
from torch import nn

from mmaction_mer.models import enable_slim_loading

CONFIG = """
custom_imports = dict(imports=['engine_toy'], allow_failed_imports=False)
default_scope = 'mmaction'
runner_type = 'LOSORunner'
loso = dict(protocol='loso')
pipeline = [
    dict(type='LoadMERFrames', max_frames=4),
    dict(type='StandardizeLength', length=4),
    dict(type='PackMERInputs'),
]
train_pipeline = [
    dict(type='LoadMERFrames', max_frames=4),
    dict(type='StandardizeLength', length=4),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='EngineToyNoise'),
    dict(type='PackMERInputs'),
]
data = dict(type='MERDataset', ann_file='annotations.json', data_root=r'{root}',
            data_prefix=dict(img='frames'))
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**data, pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, pipeline=pipeline, test_mode=True))
test_evaluator = dict(type='MERMetric')
test_cfg = dict()
model = dict(type='EngineToy')
train_cfg = dict(by_epoch=False, max_iters=8)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=0.01))
param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=4)]
default_hooks = dict(checkpoint=dict(type='SlimCheckpointHook', interval=2,
                                     share=None))
randomness = dict(seed=0)
"""


@MODELS.register_module()
class EngineToy(BaseModel):
    """A frozen random projection of the frames, batch norm, dropout, linear head."""

    def __init__(self, width=16, scale=1.0, slim=True, data_preprocessor=None):
        super().__init__(data_preprocessor=BaseDataPreprocessor())
        self.backbone = nn.Sequential(
            nn.Linear(4 * 3 * 8 * 8, width), nn.BatchNorm1d(width)
        )
        self.backbone.requires_grad_(False)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(width, 3)
        self.scale = scale
        if slim:
            enable_slim_loading(self)

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, inputs, data_samples=None, mode='tensor'):
        clips = torch.stack(list(inputs['clip'])).float() / 255 * self.scale
        features = self.norm(self.backbone(clips.flatten(1)))
        logits = self.head(self.dropout(features))
        if mode == 'tensor':
            return logits
        if mode == 'loss':
            labels = torch.cat([sample.gt_label for sample in data_samples])
            return dict(loss_cls=nn.functional.cross_entropy(logits, labels))
        for sample, score in zip(data_samples, logits.softmax(-1), strict=True):
            sample.set_pred_score(score)
            sample.set_pred_label(score.argmax())
        assert all(isinstance(sample, ActionDataSample) for sample in data_samples)
        return data_samples


@TRANSFORMS.register_module()
class EngineToyNoise:
    """Random brightness drawn from all three streams, and a pause if asked for."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def __call__(self, results):
        import random
        import time

        import numpy as np

        time.sleep(self.seconds)
        gain = random.random() + np.random.rand() + float(torch.rand(()))
        results['imgs'] = [
            (frame * (gain / 3)).astype(frame.dtype) for frame in results['imgs']
        ]
        return results
