import gc
import os
import sys
from pathlib import Path

# What tests of several folders import; configs of tests import from there, too.
sys.path[:0] = [str(Path(__file__).parent / 'helpers'), str(Path(__file__).parent)]

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

# Fixtures that train small runs, for the tests of several rooms.
pytest_plugins = ['runs']
# The helpers register classes: they must not be imported a second time as tests.
collect_ignore = ['docs_check', 'helpers', 'hostile']


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Names without a prefix mean mmaction's, whatever an earlier test has built."""
    init_default_scope('mmaction')


@pytest.fixture(scope='session')
def fake_releases():
    """The writers of ``helpers/fake_releases/``."""
    import fake_releases

    return fake_releases


@pytest.fixture(autouse=True, scope='session')
def no_fsync():
    """Do not wait for the disk: a killed process loses nothing that it has written."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, 'fsync', lambda handle: None)
        yield


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
