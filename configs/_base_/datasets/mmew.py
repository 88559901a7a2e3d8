"""MMEW, four classes, 90 fps; tools/data/prepare.py makes data/mmew."""

_base_ = './mer_224.py'

train_dataloader = dict(dataset=dict(data_root='data/mmew'))
test_dataloader = train_dataloader
