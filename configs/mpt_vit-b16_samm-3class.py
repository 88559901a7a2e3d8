"""MPT on SAMM, three classes as in MEGC 2019, leave one subject out."""

_base_ = './mpt_vit-b16_samm.py'

train_dataloader = dict(dataset=dict(ann_file='annotations_3class.json'))
test_dataloader = train_dataloader
