"""CAS(ME)^3 part A, seven classes, 30 fps; tools/data/prepare.py makes data/cas3."""

_base_ = './mer_224.py'

train_dataloader = dict(dataset=dict(data_root='data/cas3'))
test_dataloader = train_dataloader
