"""DFEW, whose people are not known; tools/data/prepare.py makes data/dfew."""

_base_ = './pairs_224.py'

train_dataloader = dict(dataset=dict(data_root='data/dfew'))
