"""SMIC-HS, three classes, 100 fps; tools/data/prepare.py makes data/smic."""

_base_ = './mer_224.py'

data_root = 'data/smic'
train_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
