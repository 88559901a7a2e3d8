"""MPT, table X: magnification factor alpha, on SMIC."""

title = 'Table X: magnification factor'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, table X', dataset='SMIC')
x_label = 'alpha'
rows = [
    dict(
        name='alpha = 0',
        options={'model.data_preprocessor.alpha': 0.0},
        paper=dict(acc=81.10, f1=80.54),
        x=0,
    ),
    dict(
        name='alpha = 10',
        options={'model.data_preprocessor.alpha': 10.0},
        paper=dict(acc=85.37, f1=84.79),
        x=10,
    ),
    dict(
        name="alpha = 20 (the paper's)",
        options={},
        paper=dict(acc=86.59, f1=86.01),
        x=20,
    ),
    dict(
        name='alpha = 30',
        options={'model.data_preprocessor.alpha': 30.0},
        paper=dict(acc=81.70, f1=81.44),
        x=30,
    ),
    dict(
        name='alpha = 50',
        options={'model.data_preprocessor.alpha': 50.0},
        paper=dict(acc=78.05, f1=77.56),
        x=50,
    ),
]
