import pytest

BASE = """
runner_type = 'LOSORunner'
loso = dict(protocol='loso', strategy='sequential')
model = dict(type='R', alpha=20.0, prompt=dict(type='P', num=5))
train_dataloader = dict(dataset=dict(data_root='data'))
randomness = dict(seed=4)
"""
FIRST = """
title = 'First'
base = 'base.py'
paper = dict(source='a paper', dataset='SMIC')
rows = [
    dict(name='alpha = 0', options={'model.alpha': 0.0}, paper=dict(acc=50.0)),
    dict(name='whole', options={}),
    dict(name='broken', options={'model.alpha': -1.0}),
]
"""
SECOND = """
title = 'Second'
base = 'base.py'
rows = [
    dict(name='off', options={'model.prompt': None}),
    dict(name='on', options={}),
    dict(name='no gain', options={'model.alpha': 0.0}),
]
"""


@pytest.fixture
def tables(tmp_path):
    """The files of two tables over one base, which share two of their rows."""
    folder = tmp_path / 'configs' / 'ablations'
    folder.mkdir(parents=True)
    (tmp_path / 'configs' / 'base.py').write_text(BASE)
    paths = [folder / 'first.py', folder / 'second.py']
    for path, text in zip(paths, (FIRST, SECOND), strict=True):
        path.write_text(text)
    return paths
