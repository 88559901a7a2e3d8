"""Every config trains and tests, with a tiny backbone and two iterations."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mmaction
import pytest
from mmengine.config import Config

from mmaction_mer.datasets.synthme import Release, make_release
from mmaction_mer.engine import LOSORunner

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / 'configs').glob('*.py'))
TINY = dict(
    arch=dict(
        _delete_=True,
        embed_dims=32,
        num_layers=2,
        num_heads=2,
        feedforward_channels=64,
    ),
    img_size=64,
)


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'synthme'
    make_release(root, Release(subjects=3, clips=3, size=64, seed=1), workers=1)
    return root


def shrink(cfg, root, work_dir):
    """The same config on a small release; no part of it is replaced by a stub."""
    cfg.work_dir = str(work_dir)
    cfg.train_cfg.max_iters = 2
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False, batch_size=4)
        loader.dataset.data_root = str(root)
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (64, 64)
            if step.type in ('RandomCrop', 'CenterCrop'):
                step.update({'size' if 'size' in step else 'crop_size': 56})
    if cfg.model.type == 'MPTRecognizer':
        cfg.model.backbone.vit.pop('init_cfg')
        cfg.model.backbone.vit.pop('arch')
        cfg.merge_from_dict(dict(model=dict(backbone=dict(vit=dict(TINY)))))
        cfg.model.backbone.vit.arch.pop('_delete_', None)
        cfg.model.cls_head.in_channels = 32
        cfg.model.cls_head.num_classes = 3
    return cfg


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_trains_and_tests(path, release, tmp_path):
    cfg = shrink(Config.fromfile(path), release, tmp_path)
    results = LOSORunner.from_cfg(cfg).train()
    assert results['clips'] == 9
    assert results['extra']['folds'] == {'done': ['sub01', 'sub02', 'sub03'], 'of': 3}
    assert json.loads((tmp_path / 'results.json').read_text())['clips'] == 9
    assert (tmp_path / 'confusion.png').stat().st_size > 1000
    is_mpt = cfg.model.type == 'MPTRecognizer'
    assert (tmp_path / 'clip.png').exists() == is_mpt


def test_the_leaves_are_short_and_say_what_they_are():
    for path in CONFIGS:
        text = path.read_text()
        assert text.startswith('"""'), path
        if path.stem.startswith('mpt_'):
            code = [
                line
                for line in text.split('"""', 2)[2].splitlines()
                if line.strip() and not line.lstrip().startswith('#')
            ]
            assert len(code) <= 14, path


def test_the_video_stream_mixes_in_too(release, tmp_path):
    """EulerianMagnification in place of the frames, for a recognizer of videos."""
    cfg = Config.fromfile(ROOT / 'configs' / 'tsn_r18_rank-pooling_synthme.py')
    cfg = shrink(cfg, release, tmp_path)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        for step in loader.dataset.pipeline:
            if step.type == 'RankPooling':
                step.clear()
                step.update(type='EulerianMagnification', alpha=10.0, output='imgs')
    cfg.loso.folds = ['sub02']
    results = LOSORunner.from_cfg(cfg).train()
    assert results['extra']['folds']['done'] == ['sub02']


@pytest.mark.slow
def test_mmactions_own_tools_run_the_demo_config(release, tmp_path):
    """The host's tools know nothing of folds; the config brings the runner."""
    tools = Path(mmaction.__file__).parent / '.mim' / 'tools'
    config = ROOT / 'configs' / 'mpt_vit-tiny_synthme.py'
    options = ['train_cfg.max_iters=2', 'train_dataloader.num_workers=0']
    options += ['train_dataloader.persistent_workers=False']
    options += [
        f'{x}_dataloader.dataset.data_root={release}' for x in ('train', 'test')
    ]
    options += ['train_dataloader.batch_size=4']

    def run(tool, *args):
        command = [sys.executable, tools / tool, config, *args]
        command += ['--work-dir', tmp_path, '--cfg-options', *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]

    run('train.py')
    run('test.py', tmp_path)
    trained, tested = (
        json.loads((tmp_path / name).read_text())
        for name in ('results.json', 'results_test.json')
    )
    assert trained['clips'] == 9
    assert trained['scores'] == tested['scores']
    assert trained['confusion'] == tested['confusion']
