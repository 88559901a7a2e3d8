"""MPT, table VI: which parameters are trained, on SMIC."""

title = 'Table VI: learning strategies'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, table VI', dataset='SMIC')
rows = [
    dict(
        name='w/o pretraining',
        options={
            'model.backbone.prompt': None,
            'model.backbone.adapter': None,
            'model.backbone.freeze_vit': False,
            'model.backbone.vit.init_cfg': None,
        },
        paper=dict(acc=73.17, f1=72.35, millions=86.4),
    ),
    dict(
        name='full fine-tuning',
        options={
            'model.backbone.prompt': None,
            'model.backbone.adapter': None,
            'model.backbone.freeze_vit': False,
        },
        paper=dict(acc=77.44, f1=76.65, millions=86.4),
    ),
    dict(
        name='partial fine-tuning (the head)',
        options={'model.backbone.prompt': None, 'model.backbone.adapter': None},
        paper=dict(acc=71.95, f1=70.27, millions=0.003),
    ),
    dict(
        name='motion prompt',
        options={'model.backbone.adapter': None},
        paper=dict(acc=82.92, f1=82.33, millions=0.2),
    ),
    dict(
        name='group adapter',
        options={'model.backbone.prompt': None},
        paper=dict(acc=79.27, f1=78.43, millions=3.5),
    ),
    dict(
        name='MPT',
        options={},
        paper=dict(acc=86.59, f1=86.01, millions=5.5),
    ),
]
