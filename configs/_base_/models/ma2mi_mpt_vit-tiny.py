"""MA2MI around the demo's MPT: prompts, adapters and the decoder are trained."""

_base_ = './mpt_vit-tiny.py'

model = dict(
    _delete_=True,
    type='MA2MI',
    backbone=dict(type='MPTActions', mpt=_base_.model.backbone),
    losses=dict(pixel=1.0, sparse=0.03),
    data_preprocessor=dict(type='MPTPairPreprocessor', remove_head_motion=True),
)
