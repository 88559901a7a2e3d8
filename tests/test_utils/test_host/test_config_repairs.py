"""Configs without ``_base_`` that import: what they compute, and what is written."""

import pytest
from mmengine.config import Config

import mmaction_mer  # noqa: F401

IMPORTS = {
    'os': "import os\nroot = os.path.join('a', 'b')",
    'os.path': "import os.path\nroot = os.path.join('a', 'b')",
    'os.path as': "import os.path as osp\nroot = osp.join('a', 'b')",
    'from os': "from os import path\nroot = path.join('a', 'b')",
    'from os.path': "from os.path import join as glue\nroot = glue('a', 'b')",
    'several': "import os, sys, io\nroot = os.path.join('a', 'b')",
    'pathlib': "from pathlib import PurePosixPath as P\nroot = str(P('a', 'b'))",
    'math': "from math import sqrt\nroot = 'a/b'\nlr = sqrt(4)",
    'partial': "from functools import partial\nroot = 'a/b'",
    'posixpath': "import posixpath\nroot = posixpath.join('a', 'b')",
    'dotted': "import xml.sax.saxutils\nroot = xml.sax.saxutils.escape('a/b')",
    'collections': "from collections import Counter\nroot = '/'.join(Counter('ab'))",
}


@pytest.mark.parametrize('base', [False, True])
@pytest.mark.parametrize('name', IMPORTS)
def test_pythons_own_modules_are_called(tmp_path, name, base):
    """The kind: any module of Python itself, however it is imported.

    Before, most were an empty RuntimeError (frozen modules have no file; those of a
    virtual environment lie elsewhere), and imported classes were written into the text
    of the config as ``<class ...>``.
    """
    path = tmp_path / 'config.py'
    path.write_text('_base_ = []\n' * base + IMPORTS[name] + '\n')
    cfg = Config.fromfile(path)
    assert cfg.root == 'a/b'
    assert set(cfg) <= {'root', 'lr'}
    cfg.dump(tmp_path / 'written.py')
    assert dict(Config.fromfile(tmp_path / 'written.py')) == dict(cfg)


def test_a_config_of_pure_python_stays_one(tmp_path):
    """Other packages' names are still named, and not imported, while it is read."""
    path = tmp_path / 'config.py'
    path.write_text(
        'import os.path as osp\nfrom torch.optim import SGD\n'
        "optimizer = dict(type=SGD, lr=1)\nroot = osp.join('a', 'b')\n"
    )
    cfg = Config.fromfile(path)
    assert "type='torch.optim.SGD'" in cfg.pretty_text
    assert cfg.root == 'a/b'


@pytest.mark.parametrize('line', ['x = np.float64(1)', 'x = np.array([1]).sum()'])
def test_what_is_lazy_and_called_is_said(tmp_path, line):
    """A call of another package's function; ``_base_ = []`` is the way out."""
    path = tmp_path / 'config.py'
    path.write_text(f'import numpy as np\n{line}\n')
    with pytest.raises(RuntimeError, match=r'is called while .* Write _base_ = \[\]'):
        Config.fromfile(path)
    path.write_text(f'_base_ = []\nimport numpy as np\n{line}\n')
    assert Config.fromfile(path).x == 1
