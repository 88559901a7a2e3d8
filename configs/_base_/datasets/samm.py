"""SAMM, five classes, 200 fps; tools/data/prepare.py makes data/samm."""

_base_ = './mer_224.py'

train_dataloader = dict(dataset=dict(data_root='data/samm'))
test_dataloader = train_dataloader
