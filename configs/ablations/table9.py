"""MPT, table IX: backbones and their pre-training, on SMIC."""

title = 'Table IX: backbones'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, table IX', dataset='SMIC')
reference = 'ViT-B/16'
rows = [
    dict(
        name='ViT-B/16',
        base='mpt_vit-b16_smic.py',
        options={},
        paper=dict(acc=86.59, f1=86.01),
    ),
    dict(
        name='ViT-B/32',
        base='mpt_vit-b32_smic.py',
        options={},
        paper=dict(acc=84.76, f1=83.95),
    ),
    dict(
        name='CLIP-ViT-B/16',
        base='mpt_clip-b16_smic.py',
        options={},
        paper=dict(acc=85.37, f1=84.64),
    ),
    dict(
        name='CLIP-ViT-B/32',
        base='mpt_clip-b32_smic.py',
        options={},
        paper=dict(acc=83.54, f1=82.56),
    ),
]
