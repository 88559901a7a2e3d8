"""Beyond the papers: MPT's prompts and adapters pre-trained by MA2MI, on SynthME.

`ma2mi_mpt_synthme.py` pre-trains them.
"""

title = 'MA2MI for MPT'
base = 'mpt_vit-tiny_synthme.py'
rows = [
    dict(name='MPT', options={}),
    dict(
        name='MPT from MA2MI',
        options={
            'model.backbone.init_cfg': dict(
                type='Pretrained',
                checkpoint='work_dirs/ma2mi_mpt_synthme/last.pth',
                prefix='backbone',
            )
        },
    ),
]
