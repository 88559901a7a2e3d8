"""mmengine reads checkpoints safely, from files and from URLs."""

import functools
import http.server
import os
import threading
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from mmengine.runner import checkpoint as mmengine_checkpoint
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


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, *_, **__):
        return dict(loss=self.weight.sum())


def test_the_config_in_a_training_state_is_not_run(tmp_path, monkeypatch):
    """mmengine executes ``meta.config`` as Python when it resumes a run."""
    monkeypatch.chdir(tmp_path)
    sampler = dict(type='DefaultSampler', shuffle=False)

    def train(epochs, load_from=None):
        runner = Runner(
            Model(),
            work_dir=str(tmp_path / 'work'),
            train_dataloader=dict(
                batch_size=1, dataset=list(range(4)), num_workers=0, sampler=sampler
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            default_scope='mmengine',
            experiment_name=f'planted{epochs}',
            load_from=load_from,
            resume=load_from is not None,
        )
        runner.train()
        return runner

    train(1)
    state = torch.load(tmp_path / 'work' / 'epoch_1.pth', weights_only=True)
    code = f'import pathlib\npathlib.Path({str(tmp_path / "ran")!r}).touch()\n'
    state['meta']['config'] = code
    path = str(tmp_path / 'planted.pth')
    torch.save(state, path)
    assert train(2, path).iter == 8
    assert not (tmp_path / 'ran').exists()
    # Without a training state, and with one of another model.
    for broken in ({'meta': dict(epoch='1', iter=4)}, {'optimizer': {'state': 1}}):
        torch.save({**state, **broken}, path)
        with pytest.raises(CheckpointError, match='is not a training state') as error:
            train(2, path)
        assert error.value.path == path
