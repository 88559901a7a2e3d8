"""mmengine reads checkpoints safely, from files and from URLs."""

import functools
import http.server
import os
import threading
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import load_checkpoint
from torch import nn

from mmaction_mer.utils.checkpoints.reading import CheckpointError
from mmaction_mer.utils.host import checkpoint_repairs

checkpoint_repairs.apply()


@pytest.fixture(scope='module')
def served(tmp_path_factory):
    """A folder and its URL on this machine."""
    folder = tmp_path_factory.mktemp('served')
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


@pytest.fixture(params=['file', 'file URL', 'URL', 'torchvision'])
def load(request, served, tmp_path, monkeypatch):
    """One of the ways in which mmengine finds a checkpoint, by the name of the file."""
    folder, url = served
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    models = {'resnet18.other': f'{url}/a.pth'}
    monkeypatch.setattr(mmengine_checkpoint, 'get_torchvision_models', lambda: models)
    source = {
        'file': str(folder / 'a.pth'),
        'file URL': (folder / 'a.pth').as_uri(),
        'URL': f'{url}/a.pth',
        'torchvision': 'torchvision://resnet18.other',
    }[request.param]

    def save_and_load(**content):
        torch.save(dict(state_dict={'weight': torch.ones(1, 1)}, **content),
                   folder / 'a.pth')  # fmt: skip
        (tmp_path / 'hub' / 'hub' / 'checkpoints' / 'a.pth').unlink(missing_ok=True)
        return load_checkpoint(nn.Linear(1, 1, bias=False), source)

    return save_and_load


class Call:
    """Pickled as a call that creates a folder."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_plain_values_are_read_and_code_is_rejected_from_any_source(load, tmp_path):
    assert load(out=Path('a'))['out'] == Path('a')
    with pytest.raises(CheckpointError, match='mkdir') as caught:
        load(out=Call(tmp_path / 'marker'))
    assert 'weights_only' not in str(caught.value)
    assert not (tmp_path / 'marker').exists()
    with pytest.raises(CheckpointError, match=r'add_safe_globals\(\[fractions.Frac'):
        load(out=Fraction(1, 3))
    with torch.serialization.safe_globals([Fraction]):
        assert load(out=Fraction(1, 3))['out'] == Fraction(1, 3)
