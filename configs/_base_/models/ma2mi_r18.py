"""MA2MI around a MIACNet of two ResNet-18 branches (MA2MI, Fig. 3)."""

_base_ = './miacnet_r18.py'

model = dict(
    _delete_=True,
    type='MA2MI',
    backbone=dict(_base_.model.backbone, features=None),
    losses=dict(pixel=1.0, latent=1.0, sparse=0.03),
    data_preprocessor=dict(type='KeyFramePreprocessor', frames=('onset', 'offset')),
)
