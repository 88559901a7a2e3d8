"""MA2MI around the demo's MPT: what learns are prompts, adapters and the decoder."""

_base_ = './mpt_vit-tiny.py'

model = dict(
    _delete_=True,
    type='MA2MI',
    backbone=dict(type='MPTActions', mpt=_base_.model.backbone),
    losses=dict(pixel=1.0, sparse=0.03),
    data_preprocessor=dict(type='MPTPairPreprocessor', remove_head_motion=True),
)
