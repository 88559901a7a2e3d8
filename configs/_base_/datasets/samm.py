"""SAMM, five classes, 200 fps; tools/data/prepare.py makes data/samm."""

_base_ = './mer_224.py'

data_root = 'data/samm'
train_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
