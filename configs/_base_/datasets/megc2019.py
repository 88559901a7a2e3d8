"""MEGC 2019: CASME II, SAMM and SMIC, three classes (tools/data/compose.py)."""

_base_ = './mer_224.py'

train_dataloader = dict(dataset=dict(data_root='data/megc2019'))
test_dataloader = train_dataloader
