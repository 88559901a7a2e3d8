import json

import pytest
from settings import changed_config

from mmaction_mer.datasets import read_annotation, write_annotation
from mmaction_mer.engine import loso_runner, outcome


@pytest.fixture(autouse=True, scope='module')
def nothing_drawn():
    """Pictures and pages are drawn in other tests; here they cost the most time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loso_runner, 'draw_clip', lambda *args: None)
        patched.setattr(loso_runner, 'write_page', lambda *args: 'not drawn')
        patched.setattr(outcome, 'draw', lambda *args: 'not drawn')
        yield


@pytest.fixture(scope='session')
def uneven_data(toy_data):
    """The toy's clips without some, so that folds differ in size."""
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
