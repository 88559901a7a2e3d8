"""DFEW, who is seen is not known; tools/data/prepare.py makes data/dfew."""

_base_ = './pairs_224.py'

data_root = 'data/dfew'
train_dataloader = dict(dataset=dict(data_root=data_root))
