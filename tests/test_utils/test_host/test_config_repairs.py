"""Configs without ``_base_`` that import modules: their values and their dumps."""

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
def test_modules_of_the_standard_library_are_called(tmp_path, name, base):
    """Without the repairs, most calls raise, or classes are dumped as ``<class>``."""
    path = tmp_path / 'config.py'
    path.write_text('_base_ = []\n' * base + IMPORTS[name] + '\n')
    cfg = Config.fromfile(path)
    assert cfg.root == 'a/b'
    assert set(cfg) <= {'root', 'lr'}
    cfg.dump(tmp_path / 'written.py')
    assert dict(Config.fromfile(tmp_path / 'written.py')) == dict(cfg)


def test_a_pure_python_style_config_is_read_as_one(tmp_path):
    """Names of other packages are not imported while it is read."""
    path = tmp_path / 'config.py'
    path.write_text(
        'import os.path as osp\nfrom torch.optim import SGD\n'
        "optimizer = dict(type=SGD, lr=1)\nroot = osp.join('a', 'b')\n"
    )
    cfg = Config.fromfile(path)
    assert "type='torch.optim.SGD'" in cfg.pretty_text
    assert cfg.root == 'a/b'


@pytest.mark.parametrize('line', ['x = np.float64(1)', 'x = np.array([1]).sum()'])
def test_the_call_of_a_lazy_name_is_explained(tmp_path, line):
    path = tmp_path / 'config.py'
    path.write_text(f'import numpy as np\n{line}\n')
    with pytest.raises(RuntimeError, match=r'is called while .* Write _base_ = \[\]'):
        Config.fromfile(path)
    path.write_text(f'_base_ = []\nimport numpy as np\n{line}\n')
    assert Config.fromfile(path).x == 1
