"""Pure Python style configs, such as that of docs/extending/lazy_config.md."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from load_tool import load_tool
from mmengine.config import Config
from paths import ROOT
from settings import one_thread

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.utils.cli.command_line import read_config
from mmaction_mer.utils.cli.type_names import types_to_names

HOST = Path(importlib.util.find_spec('mmaction').origin).parent / '.mim' / 'tools'
FILE = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.M | re.S)


@pytest.fixture
def lazy(tmp_path):
    """The path of the config of the page, with its other files."""
    page = ROOT / 'docs' / 'extending' / 'lazy_config.md'
    for name, text in FILE.findall(page.read_text()):
        (tmp_path / name).write_text(text)
    return tmp_path / 'mpt_synthme.py'


def test_it_equals_the_text_style_config(lazy):
    named, own = read_config(str(lazy)), Config.fromfile(
        ROOT / 'configs' / 'mpt_vit-tiny_synthme.py'
    )  # fmt: skip
    model, ordinary = named.model.to_dict(), own.model.to_dict()
    del ordinary['data_preprocessor']['remove_head_motion']
    for key in ('mean', 'std', 'alpha', 'low', 'high'):  # the defaults
        del ordinary['data_preprocessor'][key]
    ordinary['backbone']['vit']['init_cfg'].pop('prefix')
    assert model == ordinary
    for loader in ('train_dataloader', 'test_dataloader'):
        dataset, theirs = named[loader].dataset, own[loader].dataset
        assert dataset.pipeline == theirs.pipeline and dataset.type == theirs.type
        assert named[loader].sampler == own[loader].sampler
    assert named.optim_wrapper == own.optim_wrapper
    assert named.test_evaluator == own.test_evaluator
    assert (named.runner_type, named.train_cfg.type) == (
        'LOSORunner',
        own.train_cfg.type,
    )
    assert named.default_hooks.checkpoint.type == 'SlimCheckpointHook'
    # Imported names are not settings.
    assert 'MPTRecognizer' not in named and 'LOSORunner' not in named


def test_a_text_style_config_is_unchanged():
    cfg = Config.fromfile(ROOT / 'configs' / 'mpt_vit-b16_smic.py')
    assert types_to_names(cfg) is cfg


@pytest.mark.slow
def test_the_tools_of_mmaction_and_ours_give_the_same_predictions(lazy, tmp_path, tool):
    make_release(
        tmp_path / 'data', Release(subjects=2, clips=2, size=112, seed=1), workers=1
    )
    text = lazy.read_text().replace('max_iters=80', 'max_iters=2')
    lazy.write_text(text.replace("'stacked'", "'sequential'"))
    base = lazy.with_name('synthme_base.py')
    base.write_text(base.read_text().replace('data/synthme', str(tmp_path / 'data')))
    by_host, by_us = tmp_path / 'host', tmp_path / 'us'
    done = tool(HOST / 'train.py', lazy, '--work-dir', by_host)
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads((by_host / 'results.json').read_text())
    assert results['extra']['folds'] == {'done': ['sub01', 'sub02'], 'of': 2}
    assert "type='MPTRecognizer'" in (by_host / 'config.py').read_text()
    command = [str(lazy), '--work-dir', str(by_us), '--folds', 'sub01']
    with one_thread():
        assert load_tool('train.py').main(command) == 0
    told = [run / 'folds' / 'sub01' / 'predictions.jsonl' for run in (by_host, by_us)]
    assert told[0].read_text() == told[1].read_text()
