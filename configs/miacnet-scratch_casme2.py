"""MIACNet on CASME II from nothing, beside `miacnet_casme2.py`."""

_base_ = './miacnet_casme2.py'

model = dict(backbone=dict(init_cfg=None))
