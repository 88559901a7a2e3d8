"""MPT, table XI: reduction factor of the group adapters, on SMIC."""

title = 'Table XI: reduction factor'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, table XI', dataset='SMIC')
x_label = 'reduction'
rows = [
    dict(
        name='reduction = 4',
        options={'model.backbone.adapter.reduction': 4},
        paper=dict(acc=85.98, f1=85.32),
        x=4,
    ),
    dict(
        name="reduction = 8 (the paper's)",
        options={},
        paper=dict(acc=86.59, f1=86.01),
        x=8,
    ),
    dict(
        name='reduction = 12',
        options={'model.backbone.adapter.reduction': 12},
        paper=dict(acc=84.76, f1=84.05),
        x=12,
    ),
]
