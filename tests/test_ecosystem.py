"""OpenMMLab's `mim` trains and tests by these configs."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from paths import ROOT

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release

CONFIG = ROOT / 'configs' / 'mpt_vit-tiny_synthme.py'


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'synthme'
    make_release(root, Release(subjects=2, clips=3, size=112, seed=1), workers=1)
    return root


def mim(folder, *words, path=''):
    """Run mim as a user does; its warning of pkg_resources is not ours to mend."""
    program = Path(sys.executable).with_name('mim')
    paths = [str(path), str(folder), os.environ.get('PYTHONPATH', '')]
    environment = os.environ | {
        'PYTHONPATH': os.pathsep.join(filter(None, paths)),
        'OMP_NUM_THREADS': '1',
        'MPLBACKEND': 'Agg',
    }
    done = subprocess.run(
        [str(word) for word in (program, *words)],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


def options(release):
    """What makes the demo's config a matter of seconds."""
    loaders = [f'{x}_dataloader.dataset.data_root={release}' for x in ('train', 'test')]
    small = ['train_cfg.max_iters=2', 'train_dataloader.batch_size=4']
    return ['--cfg-options', *loaders, *small]


def read(path):
    return json.loads(Path(path).read_text())


@pytest.mark.slow
def test_mim_trains_and_tests_through_mmaction(release, tmp_path):
    run = tmp_path / 'run'
    told = ['--gpus', '0', '--work-dir', run, *options(release)]
    said = mim(tmp_path, 'train', 'mmaction', CONFIG, *told)
    assert 'Training finished successfully' in said
    trained = read(run / 'results.json')
    assert trained['extra']['folds'] == {'done': ['sub01', 'sub02'], 'of': 2}
    said = mim(tmp_path, 'test', 'mmaction', CONFIG, '--checkpoint', run, *told)
    assert 'Testing finished successfully' in said
    tested = read(run / 'results_test.json')
    assert tested['scores'] == trained['scores']
    assert tested['confusion'] == trained['confusion']


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """This package as its wheel installs it, in a folder of its own."""
    root = tmp_path_factory.mktemp('wheel')
    skip = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('mmaction_mer', 'configs', 'tools'):
        shutil.copytree(ROOT / name, root / 'source' / name, ignore=skip)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, root / 'source')
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation',
         '-q', '--target', root / 'site', '.'],
        cwd=root / 'source', capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / 'site'


@pytest.mark.slow
def test_mim_finds_configs_and_tools_in_the_wheel(installed, release, tmp_path):
    run = tmp_path / 'run'
    told = ['--gpus', '0', '--work-dir', run, '--folds', 'sub01', *options(release)]
    said = mim(tmp_path, 'train', 'mmaction_mer', CONFIG.name, *told, path=installed)
    assert str(installed / 'mmaction_mer/.mim/configs' / CONFIG.name) in said
    # --folds is an option of our own tools/train.py, not of mmaction's.
    trained = read(run / 'results.json')
    assert trained['extra']['folds']['done'] == ['sub01']
    scores = tmp_path / 'score.json'
    mim(tmp_path, 'run', 'mmaction_mer', 'score', run, '--out', scores, path=installed)
    assert read(scores)['scores'] == trained['scores']
    found = mim(
        tmp_path, 'search', 'mmaction_mer', '--config', CONFIG.stem, path=installed
    )
    assert CONFIG.stem in found and 'mpt' in found


def test_mims_needs_are_installed_without_its_download_client():
    """docs/install.md says that opendatalab is left out, and that this is enough."""
    needs = metadata.requires('openmim') or []
    names = {need.split(';')[0].split()[0].strip('()') for need in needs
             if 'extra' not in need}  # fmt: skip
    missing = set()
    for name in names:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.add(name)
    assert missing <= {'opendatalab'}
