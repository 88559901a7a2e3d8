"""tools/analysis/complexity.py and heat_maps.py, from configs and runs to tables."""

import re

import pytest
from load_tool import run_tool
from mmengine.config import Config
from paths import ROOT

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.engine import LOSORunner

CONFIGS = ROOT / 'configs'

THREE_CLASSES = ('--cfg-options', 'model.cls_head.num_classes=3')


def run(tool, *arguments, status=0):
    done = run_tool(f'analysis/{tool}', *arguments)
    assert done.status == status, done
    return done.stderr if status else done.stdout


def test_complexity_refuses_other_models(tmp_path):
    config = CONFIGS / 'tsn_r18_rank-pooling_synthme.py'
    for path, message in (
        (config, 'is a Recognizer2D; this table is of MPTRecognizer'),
        (tmp_path / 'nothing.py', 'there is no such config file'),
        (CONFIGS / '_base_' / 'runtime.py', 'has no model'),
    ):
        assert message in run('complexity.py', path, *THREE_CLASSES, status=1)


def test_the_costs_of_one_model_and_of_several():
    tiny, miac = CONFIGS / 'mpt_vit-tiny_synthme.py', CONFIGS / 'miacnet_synthme.py'
    printed = run('complexity.py', tiny, *THREE_CLASSES)
    rows = dict(re.findall(r'^\| ([^|]+) \| ([^|]+) \|$', printed, re.M))
    assert rows['backbone.adapters'] == '73,728'
    assert rows['all trainable'] == '209,549'
    assert rows['total'] == '1,504,397'
    # 209,549 numbers of four bytes, and the overhead of a file.
    assert 0.84 < float(rows['checkpoint of a fold'].split()[0]) < 0.9
    table = CONFIGS / 'ablations' / 'ma2mi_mpt.py'
    lines = run('complexity.py', tiny, miac, table, *THREE_CLASSES).splitlines()
    assert lines[0].startswith('| model | pixels | trainable | total |')
    assert lines[0].endswith('| clips per second, batch of 8 |')
    # Each row of an ablation table is a model.
    assert [line.split(' | ')[0] for line in lines[4:6]] == [
        '| MPT', '| MPT from MA2MI',
    ]  # fmt: skip
    assert lines[2].startswith('| mpt_vit-tiny_synthme | 112 | 209,549 | 1,504,397 |')
    assert lines[3].startswith('| miacnet_synthme | 112 | 1,448,291 | 1,448,291 |')


@pytest.fixture(scope='module')
def miacnet(tmp_path_factory):
    """A run of a small MIACNet, on a release of which all is known."""
    root = tmp_path_factory.mktemp('miacnet')
    make_release(root / 'data', Release(subjects=2, clips=3, size=112, seed=1), 1)
    cfg = Config.fromfile(CONFIGS / 'miacnet_synthme.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(root / 'data')
        loader.batch_size = 3
    cfg.train_cfg.max_iters = 1
    cfg.model.backbone.init_cfg = None
    cfg.work_dir = str(root / 'run')
    cfg.dump(str(root / 'config.py'))
    LOSORunner.from_cfg(cfg).train()
    return root


def test_heat_maps_of_a_run_are_of_unseen_subjects_and_count_hits(miacnet, tmp_path):
    config, out = miacnet / 'config.py', tmp_path / 'heat.png'
    printed = run(
        'heat_maps.py', config, '--run', miacnet / 'run', '--out', out, '--draw', 4
    )
    assert out.stat().st_size > 10_000
    rates = dict(re.findall(r'^  (\S.*?) {2,}(\S+)%$', printed, re.M))
    assert set(rates) == {
        'magnitude of the action code', 'evidence for the predicted class',
        'difference of the frames', 'pointing anywhere',
    }  # fmt: skip
    assert 1 < float(rates['pointing anywhere']) < 30
    # Movement shows in the plain difference of two frames.
    assert float(rates['difference of the frames']) >= 50
    assert 'of 6 clips' in printed

    printed = run('heat_maps.py', config, '--out', out)
    assert 'evidence' not in printed and 'magnitude' in printed


def test_heat_maps_refuse_what_they_cannot_draw(miacnet, tmp_path):
    config, tiny = miacnet / 'config.py', CONFIGS / 'mpt_vit-tiny_synthme.py'
    for arguments, message in (
        ([tiny], 'is not the config of a MIACRecognizer'),
        ([config, '--run', tmp_path], 'has no finished fold'),
        ([config, '--draw', 0], 'number of clips to draw, got 0'),
    ):
        assert message in run('heat_maps.py', *arguments, status=1)
