"""MIACNet on CASME II, both branches from ImageNet, beside `miacnet_casme2.py`."""

_base_ = [
    './_base_/datasets/casme2.py',
    './_base_/models/miacnet_r18_imagenet.py',
    './_base_/schedules/miacnet.py',
    './_base_/default_runtime.py',
]
