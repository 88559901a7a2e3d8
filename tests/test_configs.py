"""Every config trains and tests, with a tiny backbone and two iterations."""

import copy
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mmaction
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from paths import ROOT
from small_configs import (
    ARCH,
    SIZE,
    small_branch,
    small_loader,
    small_pictures,
    small_vit,
)

from mmaction_mer.ablation import plan_table, read_table
from mmaction_mer.datasets import read_annotation, write_annotation
from mmaction_mer.datasets.preparation.labels import LABEL_MAPS, MEGC2019
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.engine import LOSORunner
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint

LEAVES = sorted((ROOT / 'configs').glob('*.py'))
PRETRAINING = [path for path in LEAVES if path.stem.startswith('ma2mi_')]
CONFIGS = [path for path in LEAVES if path not in PRETRAINING]


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'synthme'
    make_release(root, Release(subjects=3, clips=3, size=112, seed=1), workers=1)
    return root


@pytest.fixture(scope='module')
def prepared(release, tmp_path_factory):
    """The same clips in a folder such as tools/data/prepare.py makes it."""
    root = tmp_path_factory.mktemp('prepared')
    (root / 'frames').symlink_to(release / 'frames')
    content = read_annotation(release / 'annotations.json')
    for row in content['data_list']:
        row['frame_dir'] = row['frame_dir'].removeprefix('frames/')
    for labels in ('', '_3class', '_4class', '_6class'):
        write_annotation(root / f'annotations{labels}.json', content)
    return root


def shrink(cfg, root, work_dir):
    """The same config on a small release; no part of it is replaced by a stub."""
    cfg.work_dir = str(work_dir)
    cfg.train_cfg.max_iters = 2
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        small_loader(loader)
        small_pictures(loader.dataset)
        loader.dataset.data_root = str(root)
    if cfg.model.type == 'MIACRecognizer':
        cfg.model.data_preprocessor.augmentation.pop('crop', None)
        backbone = cfg.model.backbone
        backbone.init_cfg = None
        backbone.branch.pop('init_cfg', None)
        small_branch(backbone.branch)
        backbone.update(width=16, grid=2)
        cfg.model.cls_head.in_channels = 2 * 8 * 2 * 2
    if cfg.model.type == 'MPTRecognizer':
        cfg.model.backbone.init_cfg = None
        cfg.model.backbone.vit.pop('init_cfg')
        small_vit(cfg.model)
    return cfg


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_trains_and_tests(path, release, prepared, tmp_path):
    root = release if path.stem.endswith('synthme') else prepared
    cfg = shrink(Config.fromfile(path), root, tmp_path)
    results = LOSORunner.from_cfg(cfg).train()
    assert results['clips'] == 9
    assert results['extra']['folds'] == {'done': ['sub01', 'sub02', 'sub03'], 'of': 3}
    assert json.loads((tmp_path / 'results.json').read_text())['clips'] == 9
    assert (tmp_path / 'confusion.png').stat().st_size > 1000
    is_mpt = cfg.model.type == 'MPTRecognizer'
    assert (tmp_path / 'clip.png').exists() == is_mpt


def shrink_pretraining(cfg, root, work_dir):
    """The same of a pre-training; what it starts from is what it finds."""
    cfg.work_dir = str(work_dir)
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.param_scheduler = cfg.param_scheduler[:1]  # the warm-up is not over
    loaders = [cfg.train_dataloader, cfg.get('val_dataloader')]
    for loader in filter(None, loaders):
        small_loader(loader)
        loader.dataset.data_root = str(root)
        if loader.dataset.get('held_out'):
            loader.dataset.held_out = ['sub01']
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (68, 68)
            if step.type == 'RandomCrop':
                step.size = 64
            if step.type == 'CenterCrop' and step.crop_size == 112:
                step.crop_size = 64
    backbone = cfg.model.backbone
    if backbone.type == 'MPTActions':
        vit = backbone.mpt.vit
        vit.pop('init_cfg')
        vit.update(arch=dict(ARCH), img_size=SIZE)
        # One ViT under the pre-training and under what follows.
        weights = MODELS.build(copy.deepcopy(vit)).state_dict()
        torch.save(dict(state_dict=weights), work_dir.parent / 'vit.pth')
        start = dict(checkpoint=str(work_dir.parent / 'vit.pth'))
        vit.init_cfg = dict(type='Pretrained', **start)
    else:
        small_branch(backbone.branch)
    return cfg


@pytest.mark.parametrize('path', PRETRAINING, ids=lambda path: path.stem)
def test_a_pretraining_leaves_what_its_finetuning_starts_from(
    path, release, prepared, tmp_path
):
    root = release if path.stem.endswith('synthme') else prepared
    cfg = shrink_pretraining(Config.fromfile(path), root, tmp_path / path.stem)
    Runner.from_cfg(cfg).train()
    assert (tmp_path / path.stem / 'reconstruction.png').stat().st_size > 1000
    state = read_checkpoint(tmp_path / path.stem / 'last.pth')
    people = ['sub02', 'sub03'] if cfg.get('val_dataloader') else None
    record = state['meta']['pretrained_on']
    assert record['synthme'] == people or people is None

    # Every config that names this pre-training finds in it all that it asks for.
    told = f'work_dirs/{path.stem}/last.pth'
    followers = [
        model
        for model in finetuned_models()
        if (model.backbone.get('init_cfg') or {}).get('checkpoint') == told
    ]
    assert followers
    for tuned in followers:
        start = tuned.backbone.init_cfg
        small = cfg.model.backbone.get('mpt', cfg.model.backbone)
        backbone = dict(
            small, init_cfg=dict(start, checkpoint=str(tmp_path / told[10:]))
        )
        if tuned.type == 'MIACRecognizer':
            own = {k: tuned.backbone[k] for k in ('features', 'grid', 'code_channels')}
            assert own['grid'] == small.grid
            assert tuned.backbone.width == small.width
            backbone |= own
        model = MODELS.build(backbone)
        model.init_weights()
        learned = model.state_dict()
        for name, value in state['state_dict'].items():
            key = name.removeprefix('backbone.')
            if key in learned:
                assert torch.equal(learned[key], value), name


def finetuned_models():
    """Models of the leaves, and of the rows that have no leaf."""
    yield from (Config.fromfile(path).model for path in CONFIGS)
    table = read_table(ROOT / 'configs' / 'ablations' / 'ma2mi_mpt.py')
    yield from (trial.cfg.model for trial in plan_table(table, Path()).trials)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_both_loaders_read_one_annotation_that_prepare_writes(path):
    cfg = Config.fromfile(path)
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    for key in ('data_root', 'ann_file', 'data_prefix'):
        assert train[key] == test[key]
    name = Path(train.data_root).name
    maps = {'megc2019': [MEGC2019], 'synthme': [MEGC2019]}.get(name) or LABEL_MAPS[name]
    others = {f'annotations_{labels.name}.json' for labels in maps[1:]}
    assert train.ann_file in {'annotations.json', *others}
    # The annotation determines it.
    assert 'num_classes' not in cfg.model.cls_head


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_leaf_is_short_and_has_no_keys_that_nothing_reads(path):
    text = path.read_text()
    assert text.startswith('"""')
    if not path.stem.startswith('tsn_'):
        code = [line for line in text.split('"""', 2)[2].splitlines() if line.strip()]
        assert len(code) <= 12
    read = {*inspect.signature(Runner).parameters, 'runner_type', 'loso'}
    read |= {'custom_imports', 'vis_backends', 'log_level', 'run_hooks'}
    keys = {key for key in Config.fromfile(path) if not key.endswith('_pipeline')}
    assert keys <= read


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


def demo_command(tool, release, work_dir, *more):
    """The demo's config on the small release, by a command line tool."""
    options = [f'{x}_dataloader.dataset.data_root={release}' for x in ('train', 'test')]
    options += ['train_cfg.max_iters=12', 'default_hooks.checkpoint.interval=2']
    options += ['default_hooks.checkpoint.share=None']
    options += ['train_dataloader.batch_size=4']
    config = ROOT / 'configs' / 'mpt_vit-tiny_synthme.py'
    command = [sys.executable, tool, config, *more, '--work-dir', work_dir]
    return [*map(str, command), '--cfg-options', *options]


def run_tool(command, work_dir):
    done = subprocess.run(command, cwd=work_dir, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_the_demo_killed_and_resumed_ends_in_the_same(release, tmp_path, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    tool = ROOT / 'tools' / 'train.py'
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    run_tool(demo_command(tool, release, whole), tmp_path)
    process = subprocess.Popen(
        demo_command(tool, release, cut),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not [*cut.glob('stacks/*.pth')] and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    fold = json.loads((cut / 'folds' / 'sub02' / 'fold.json').read_text())
    assert fold['status'] == 'running'
    run_tool(demo_command(tool, release, cut, '--resume'), tmp_path)
    first, second = (
        json.loads((path / 'results.json').read_text()) for path in (whole, cut)
    )
    assert first['scores'] == second['scores']
    for name in ('sub01', 'sub02', 'sub03'):
        path = Path('folds', name, 'predictions.jsonl')
        assert (whole / path).read_bytes() == (cut / path).read_bytes()


@pytest.mark.slow
def test_mmactions_own_tools_run_the_demo_config(release, tmp_path):
    """The host's tools know nothing of folds; the config brings the runner."""
    tools = Path(mmaction.__file__).parent / '.mim' / 'tools'
    run_tool(demo_command(tools / 'train.py', release, tmp_path), tmp_path)
    run_tool(demo_command(tools / 'test.py', release, tmp_path, tmp_path), tmp_path)
    trained, tested = (
        json.loads((tmp_path / name).read_text())
        for name in ('results.json', 'results_test.json')
    )
    assert trained['clips'] == 9
    assert trained['scores'] == tested['scores']
    assert trained['confusion'] == tested['confusion']
