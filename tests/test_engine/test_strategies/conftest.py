"""Runs of the small MPT that the tests of strategies share; not to change."""

import shutil
from pathlib import Path

import pytest
from settings import changed_config, one_thread, train
from stack_runs import Killed, kill_stack_at
from stack_toy import CONFIG


@pytest.fixture(scope='session')
def shared_config(uneven_data, tmp_path_factory):
    """Make a config in a folder of its own."""

    def make(**changes):
        folder = tmp_path_factory.mktemp('shared')
        path = folder / 'stack_config.py'
        path.write_text(CONFIG.replace('{root}', str(uneven_data)))
        return changed_config(path, folder / 'run', changes)

    return make


@pytest.fixture(scope='session')
def sequential_run(shared_config):
    """The work directory of a sequential run, which all others must equal."""
    cfg = shared_config(loso__strategy='sequential')
    with one_thread():
        train(cfg)
    return Path(cfg.work_dir)


@pytest.fixture(scope='session')
def stacked_run(shared_config):
    """The work directory of a stacked run."""
    cfg = shared_config()
    with one_thread():
        train(cfg)
    return Path(cfg.work_dir)


@pytest.fixture(scope='session')
def _killed_run(shared_config):
    cfg = shared_config()
    with pytest.MonkeyPatch.context() as patched, one_thread():
        kill_stack_at(patched, 5)
        with pytest.raises(Killed):
            train(cfg)
    return Path(cfg.work_dir)


@pytest.fixture
def killed_run(_killed_run, tmp_path):
    """A copy of a stacked run killed at iteration 5, saved at 4; ``run`` of a test."""
    return shutil.copytree(_killed_run, tmp_path / 'run')
