"""MPT on CAS(ME)^3 part A, three classes, leave one subject out."""

_base_ = './mpt_vit-b16_cas3.py'

train_dataloader = dict(dataset=dict(ann_file='annotations_3class.json'))
test_dataloader = train_dataloader
