"""Finished runs on SynthME that the tests of this room share, and a caller of tools."""

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest
from load_tool import load_tool
from mmengine.config import Config
from paths import CONFIGS

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.engine import LOSORunner


@pytest.fixture(scope='session')
def synthme(tmp_path_factory):
    root = tmp_path_factory.mktemp('synthme')
    make_release(root, Release(subjects=2, clips=3, size=112, seed=1), 1)
    return root


def train(name, data, folder):
    """Train each fold of a config for one iteration; return its work directory."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(data)
        loader.batch_size = 3
    cfg.train_cfg.max_iters = 1
    if name.startswith('miacnet'):
        cfg.model.backbone.init_cfg = None
    cfg.work_dir = str(folder / 'run')
    LOSORunner.from_cfg(cfg).train()
    return folder / 'run'


@pytest.fixture(scope='session')
def mpt(synthme, tmp_path_factory):
    return train('mpt_vit-tiny_synthme', synthme, tmp_path_factory.mktemp('mpt'))


@pytest.fixture(scope='session')
def miacnet(synthme, tmp_path_factory):
    return train('miacnet_synthme', synthme, tmp_path_factory.mktemp('miacnet'))


@pytest.fixture
def call():
    """Call the main function of a tool; return its output, or errors of status 1."""

    def call(name, *arguments, status=0):
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            found = load_tool(f'analysis/{name}').main([str(one) for one in arguments])
        assert found == status, (found, output.getvalue(), errors.getvalue())
        return errors.getvalue() if status else output.getvalue()

    return call
