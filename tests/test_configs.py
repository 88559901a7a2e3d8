"""Every config trains and tests, with a tiny backbone and two iterations."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mmaction
import pytest
from mmengine.config import Config

from mmaction_mer.datasets import read_annotation, write_annotation
from mmaction_mer.datasets.labels import LABEL_MAPS, MEGC2019
from mmaction_mer.datasets.synthme import Release, make_release
from mmaction_mer.engine import LOSORunner
from mmaction_mer.evaluation.predictions import read_predictions

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
        loader.update(num_workers=0, persistent_workers=False, batch_size=4)
        loader.dataset.data_root = str(root)
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (64, 64)
            if step.type == 'CenterCrop':
                step.crop_size = 56
    if cfg.model.type == 'MPTRecognizer':
        augmentation = cfg.model.data_preprocessor.augmentation
        if 'crop' in augmentation:
            augmentation.crop = 64
        cfg.model.backbone.vit.pop('init_cfg')
        cfg.model.backbone.vit.pop('arch')
        cfg.merge_from_dict(dict(model=dict(backbone=dict(vit=dict(TINY)))))
        cfg.model.backbone.vit.arch.pop('_delete_', None)
        if cfg.model.backbone.get('adapter_from'):
            cfg.model.backbone.adapter_from = 1  # of two layers
        cfg.model.cls_head.in_channels = 32
        cfg.model.cls_head.num_classes = 3
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


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if 'b16' in path.stem], ids=lambda path: path.stem
)
def test_a_head_has_the_classes_of_the_labels_it_reads(path):
    cfg = Config.fromfile(path)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        name = Path(loader.dataset.data_root).name
        maps = (MEGC2019,) if name == 'megc2019' else LABEL_MAPS[name]
        files = {'annotations.json': maps[0]}
        files |= {f'annotations_{labels.name}.json': labels for labels in maps[1:]}
        classes = files[loader.dataset.ann_file].classes
        assert cfg.model.cls_head.num_classes == len(classes)
        assert loader.dataset.data_prefix == dict(img='frames')


def test_the_leaves_are_short_and_say_what_they_are():
    for path in CONFIGS:
        text = path.read_text()
        assert text.startswith('"""'), path
        if not path.stem.startswith('tsn_'):
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


def demo_command(tool, release, work_dir, *more):
    """The demo's config on the small release, by a command line tool."""
    options = [f'{x}_dataloader.dataset.data_root={release}' for x in ('train', 'test')]
    options += ['train_cfg.max_iters=12', 'default_hooks.checkpoint.interval=2']
    options += ['train_dataloader.batch_size=4']
    config = ROOT / 'configs' / 'mpt_vit-tiny_synthme.py'
    command = [sys.executable, tool, config, *more, '--work-dir', work_dir]
    return [*map(str, command), '--cfg-options', *options]


def run_tool(command, work_dir):
    done = subprocess.run(command, cwd=work_dir, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_the_demo_killed_in_a_fold_and_resumed_ends_in_the_same(release, tmp_path):
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
    state = cut / 'folds' / 'sub02' / 'last.pth'
    deadline = time.monotonic() + 300
    while not state.exists() and process.poll() is None:
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
    # A kill between the files of two folds leaves them an iteration apart, and they go
    # on in stacks of another size: the same to rounding (docs/loso.md).
    for name in ('sub01', 'sub02', 'sub03'):
        path = Path('folds', name, 'predictions.jsonl')
        pairs = zip(
            read_predictions(whole / path), read_predictions(cut / path), strict=True
        )
        for one, other in pairs:
            probabilities = other.pop('probabilities')
            assert one.pop('probabilities') == pytest.approx(probabilities, abs=1e-5)
            assert one == other


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
