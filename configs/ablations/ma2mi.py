"""Beyond the papers: MIACNet without MA2MI and with a single branch, on SynthME.

`ma2mi_miacnet_synthme.py` pre-trains it; the single branch is pre-trained by
`tools/train.py configs/ma2mi_miacnet_synthme.py --cfg-options
model.backbone.decoupled=False --work-dir work_dirs/ma2mi_miacnet-coupled_synthme`.
"""

title = 'MA2MI: where MIACNet starts from'
base = 'miacnet_synthme.py'
rows = [
    dict(name='pre-trained', options={}),
    dict(name='from scratch', options={'model.backbone.init_cfg': None}),
    dict(
        name='one branch for both, pre-trained',
        options={
            'model.backbone.decoupled': False,
            'model.backbone.init_cfg.checkpoint': (
                'work_dirs/ma2mi_miacnet-coupled_synthme/last.pth'
            ),
        },
    ),
    dict(
        name='one branch for both, from scratch',
        options={
            'model.backbone.decoupled': False,
            'model.backbone.init_cfg': None,
        },
    ),
]
