"""The Python blocks of docs/extending and of a stock config, in the page's order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mmaction
import pytest
import torch
from paths import ROOT

PAGES = sorted((ROOT / 'docs/extending').glob('*.md'))
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


def read_page(page):
    """Files by name, the blocks that are run as one text, and what they print."""
    files, run, printed = {}, [], []
    for language, title, text in FENCE.findall(page.read_text(encoding='utf-8')):
        if language == 'text':
            printed.append(text)
        elif title:
            files[title] = text
        else:
            assert language == 'python', f'{page.name}: a fence of {language!r}'
            run.append(text)
    return files, '\n\n'.join(run), ''.join(printed)


def run(folder, *arguments):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(folder), 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    """A place that looks like the top of the repository to a config."""
    for name in ('configs', 'mmaction_mer'):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def lay(files, folder):
    for name, text in files.items():
        (folder / name).write_text(text, encoding='utf-8')


def test_there_are_pages_of_every_kind():
    assert {page.stem for page in PAGES} >= {
        'dataset',
        'backbone',
        'protocol',
        'prompt',
    }


@pytest.mark.slow
@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_page_runs_and_prints_what_it_says(page, folder):
    files, code, printed = read_page(page)
    assert files and printed
    lay(files, folder)
    lay({'page.py': code}, folder)
    assert run(folder, 'page.py') == printed


@pytest.mark.slow
@pytest.mark.parametrize('name', ['protocol', 'prompt'])
def test_its_config_trains(name, folder):
    files, _, _ = read_page(ROOT / f'docs/extending/{name}.md')
    lay(files, folder)
    (config,) = (file for file, text in files.items() if '_base_ =' in text)
    release = folder / 'data/synthme'
    make = ('--subjects', 4, '--clips', 3, '--size', 48, '--workers', 1)
    run(folder, ROOT / 'tools/data/make_synthme.py', '--out', release, *make)
    small = ('train_cfg.max_iters=2', 'train_dataloader.batch_size=2')
    said = run(
        folder,
        *(ROOT / 'tools/train.py', config, '--work-dir', 'run'),
        *('--cfg-options', *small),
    )
    folds = {path.name for path in (folder / 'run/folds').iterdir()}
    if name == 'protocol':
        assert folds == {'sub01+sub02+sub03', 'sub04'}
    else:
        assert len(folds) == 4
    assert 'trainable parameters' in said
    assert 'one by one' not in said


@pytest.mark.slow
def test_the_stock_config_trains_and_keeps_its_best(folder):
    """The page's config by its own Python, then by mmaction's own train.py."""
    files, code, printed = read_page(ROOT / 'docs/stock_mmaction.md')
    lay(files, folder)
    lay({'page.py': code}, folder)
    make = ('--subjects', 4, '--clips', 3, '--size', 56, '--workers', 1)
    release = folder / 'data/synthme'
    run(folder, ROOT / 'tools/data/make_synthme.py', '--out', release, *make)
    said = run(folder, 'page.py').splitlines()
    wanted = printed.splitlines()
    assert [line for line in said if line in wanted] == wanted
    train = Path(mmaction.__file__).parent / '.mim/tools/train.py'
    (config,) = files
    run(folder, train, config, '--work-dir', 'host')
    # One config, one seed: the same best weights.
    first, second = (
        torch.load(path, weights_only=True)['state_dict']
        for place in ('work_dirs/stock_synthme', 'host')
        for path in (folder / place).glob('best_mer_uf1_epoch_*.pth')
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
