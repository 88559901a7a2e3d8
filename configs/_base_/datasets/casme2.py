"""CASME II, five classes, 200 fps; prepared files go to data/casme2."""

_base_ = './mer_224.py'

data_root = 'data/casme2'
train_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
