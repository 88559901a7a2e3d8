import gc
import importlib.util
import os
import sys
from pathlib import Path

# What tests of several folders import.
sys.path.insert(0, str(Path(__file__).parent))

from dispositions import restore  # noqa: E402

restore()

# Before anything loads numpy, torch or matplotlib: small tests are fastest with few
# threads, and no window may open. A worker of `pytest -n` has one core for itself, and
# what is set there already comes from the process that started it.
if 'PYTEST_XDIST_WORKER' in os.environ:
    os.environ['OMP_NUM_THREADS'] = '1'
os.environ.setdefault('OMP_NUM_THREADS', '2')
os.environ.setdefault('MPLBACKEND', 'Agg')

import cv2  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

import mmaction_mer  # noqa: E402, F401  (registers, and repairs the host stack)

torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))
cv2.setNumThreads(1)

# No tests: scripts, and a package that the fixture below loads.
collect_ignore = ['docs_check', 'fake_releases', 'hostile', 'load_tool.py']


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Names without a prefix mean mmaction's, whatever an earlier test has built."""
    init_default_scope('mmaction')


@pytest.fixture(scope='session')
def fake_releases():
    """The writers of ``fake_releases/``, since tests cannot import each other here."""
    name, folder = 'fake_releases', Path(__file__).with_name('fake_releases')
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, folder / '__init__.py')
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def pytest_collection_finish():
    """Let the collector of garbage pass over what stays to the end: modules and tests.

    The host collects whenever a data set is built; among the objects of torch, mmaction
    and all tests that alone takes a quarter of a second, hundreds of times.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker('gpu'):
            item.add_marker(pytest.mark.skip(reason='needs a CUDA device'))
