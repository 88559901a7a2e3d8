"""Beyond the paper: phase, band and order of the temporal filter (MPT, Eq. 5).

The paper says Butterworth, 0.4 to 4 Hz; order and phase are our choice.
"""

title = 'The temporal filter'
base = 'mpt_vit-b16_smic.py'
rows = [
    dict(name='zero-phase, 0.4 to 4 Hz, order 1', options={}),
    dict(name='causal', options={'model.data_preprocessor.kind': 'causal'}),
    dict(name='ideal', options={'model.data_preprocessor.kind': 'ideal'}),
    dict(name='order 2', options={'model.data_preprocessor.order': 2}),
    dict(name='order 3', options={'model.data_preprocessor.order': 3}),
    dict(name='0.4 to 2 Hz', options={'model.data_preprocessor.high': 2.0}),
    dict(
        name='1 to 8 Hz',
        options={
            'model.data_preprocessor.low': 1.0,
            'model.data_preprocessor.high': 8.0,
        },
    ),
    dict(
        name='2 to 15 Hz',
        options={
            'model.data_preprocessor.low': 2.0,
            'model.data_preprocessor.high': 15.0,
        },
    ),
]
