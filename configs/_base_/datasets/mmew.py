"""MMEW, four classes, 90 fps; tools/data/prepare.py makes data/mmew."""

_base_ = './mer_224.py'

data_root = 'data/mmew'
train_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
