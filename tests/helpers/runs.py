"""Fixtures that write small data sets and configs, and train them."""

import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmaction.registry import RUNNERS
from paths import HELPERS, ROOT
from settings import changed_config, one_thread

from mmaction_mer.datasets import read_annotation, write_annotation
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer


@pytest.fixture(scope='session')
def toy_data(tmp_path_factory):
    """Frame folders of 4 subjects with 4 clips each, 8 x 8 pixels, 6 frames."""
    root = tmp_path_factory.mktemp('toy')
    generator = np.random.default_rng(0)
    rows = []
    for subject in range(1, 5):
        for number in range(4):
            clip, label = f's{subject}_c{number}', (subject + number) % 3
            folder = root / 'frames' / clip
            folder.mkdir(parents=True)
            still = generator.integers(0, 100, (8, 8, 3))
            for frame in range(1, 7):
                still[2 * label : 2 * label + 2] += 10
                cv2.imwrite(str(folder / f'img{frame}.png'), still.astype(np.uint8))
            rows.append({
                'dataset': 'toy', 'subject': f's{subject}', 'clip': clip,
                'frame_dir': clip, 'filename_tmpl': 'img{}.png', 'onset': 1,
                'apex': None, 'offset': 6, 'fps': 100.0, 'label': label,
            })  # fmt: skip
    classes = ['negative', 'positive', 'surprise']
    metainfo = {'dataset': 'toy', 'classes': classes, 'format': 1}
    write_annotation(root / 'annotations.json', dict(metainfo=metainfo, data_list=rows))
    return root


def write_config(folder, toy_data):
    from engine_toy import CONFIG

    path = folder / 'toy_config.py'
    path.write_text(CONFIG.replace('{root}', str(toy_data)))
    return path


@pytest.fixture(scope='module')
def module_config(toy_data, tmp_path_factory):
    """The config file of a run that the tests of a module share."""
    return write_config(tmp_path_factory.mktemp('shared'), toy_data)


@pytest.fixture
def config_file(toy_data, tmp_path):
    """The config file of the toy, without a work directory."""
    return write_config(tmp_path, toy_data)


@pytest.fixture
def make_config(config_file, tmp_path):
    """Make a config with changes, as in ``make_config('run', model__width=8)``."""

    def make(work_dir='run', **changes):
        return changed_config(config_file, tmp_path / work_dir, changes)

    return make


@pytest.fixture(scope='session')
def tool(tmp_path_factory):
    """Run one of the tools in a new process."""
    folder = tmp_path_factory.mktemp('here')

    def start(*command, wait=True, **environment):
        paths = [str(ROOT), str(HELPERS), os.environ.get('PYTHONPATH', '')]
        values = os.environ | {
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'Agg',
        } | environment  # fmt: skip
        command = [str(part) for part in command]
        if command[0].endswith('.py'):
            command.insert(0, sys.executable)
        process = subprocess.Popen(
            command, env=values, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=folder, start_new_session=True,
        )  # fmt: skip
        if not wait:
            return process
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return start


@pytest.fixture(scope='session')
def finished_run(toy_data, tmp_path_factory):
    """The work directory of a finished run, trained with one thread; not to change."""
    folder = tmp_path_factory.mktemp('finished')
    with one_thread():
        RUNNERS.build(
            changed_config(write_config(folder, toy_data), folder / 'run', {})
        ).train()
    return folder / 'run'


@pytest.fixture
def run_copy(finished_run, tmp_path):
    """A copy of the finished run, to be changed."""
    return shutil.copytree(finished_run, tmp_path / 'run')


@pytest.fixture(scope='session')
def step_losses():
    """Read the loss of every step of a fold from its logs."""

    def read(fold):
        found = {}
        for path in sorted((fold / 'vis_data').glob('*.json')):
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                if 'loss' in entry:
                    found[entry['step']] = entry['loss']
        return found

    return read


@pytest.fixture(scope='session')
def uneven_data(toy_data):
    """The toy's clips without some of them, so that folds differ in size."""
    content = read_annotation(toy_data / 'annotations.json')
    left_out = ('s1_c0', 's2_c1', 's2_c2', 's2_c3', 's4_c0')
    rows = [row for row in content['data_list'] if row['clip'] not in left_out]
    write_annotation(toy_data / 'uneven.json', {**content, 'data_list': rows})
    return toy_data


@pytest.fixture
def stack_file(uneven_data, tmp_path):
    """The config file of a small MPT."""
    from stack_toy import CONFIG

    path = tmp_path / 'stack_config.py'
    path.write_text(CONFIG.replace('{root}', str(uneven_data)))
    return path


@pytest.fixture
def stack_config(stack_file, tmp_path):
    """Make a config of a small MPT, as ``stack_config('run', loso__seeds=[0, 1])``."""

    def make(work_dir='run', **changes):
        return changed_config(stack_file, tmp_path / work_dir, changes)

    return make


@pytest.fixture
def stacks(monkeypatch):
    """The first iteration of each stack, and its folds."""
    seen, normal = [], StackedTrainer.train

    def record(self, quiet):
        seen.append((self.iteration, [str(task) for task in self.tasks]))
        normal(self, quiet)

    monkeypatch.setattr(StackedTrainer, 'train', record)
    return seen
