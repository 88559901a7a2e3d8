"""Beyond the paper: the non-linearity in the embedding of frames (MPT, Eq. 8)."""

title = 'GELU in Eq. 8'
base = 'mpt_vit-b16_smic.py'
rows = [
    dict(name='with GELU', options={}),
    dict(name='without GELU', options={'model.backbone.prompt.gelu': False}),
]
