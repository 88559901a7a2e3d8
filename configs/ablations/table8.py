"""MPT, table VIII: kinds of adapters with the motion prompts, on SMIC."""

title = 'Table VIII: adapters'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, table VIII', dataset='SMIC')
rows = [
    dict(
        name='MPT (w/o adapter)',
        options={'model.backbone.adapter': None},
        paper=dict(acc=82.92, f1=82.33, millions=0.2),
    ),
    dict(
        name='primitive adapter',
        options={'model.backbone.adapter': dict(type='PrimitiveAdapter', reduction=8)},
        paper=dict(acc=84.15, f1=83.56, millions=2.0),
    ),
    dict(
        name='MPT',
        options={},
        paper=dict(acc=86.59, f1=86.01, millions=5.5),
    ),
]
