"""SMIC-HS, three classes, 100 fps; tools/data/prepare.py makes data/smic."""

_base_ = './mer_224.py'

train_dataloader = dict(dataset=dict(data_root='data/smic'))
test_dataloader = train_dataloader
