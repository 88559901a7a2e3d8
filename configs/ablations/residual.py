"""Beyond the paper: the low-pass residual of the pyramid, magnified or dropped."""

title = "The pyramid's residual"
base = 'mpt_vit-b16_smic.py'
rows = [
    dict(name='kept', options={}),
    dict(name='dropped', options={'model.data_preprocessor.keep_residual': False}),
]
