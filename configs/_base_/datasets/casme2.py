"""CASME II, five classes, 200 fps; tools/data/prepare.py makes data/casme2."""

_base_ = './mer_224.py'

train_dataloader = dict(dataset=dict(data_root='data/casme2'))
test_dataloader = train_dataloader
