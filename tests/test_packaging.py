"""Versions of dependencies, wheels, and files that must be consistent."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from paths import ROOT

from mmaction_mer import version

GOOD = {
    'torch': '2.11.0+cu130',
    'torchvision': '0.26.0',
    'mmengine': '0.10.7',
    'mmpretrain': '1.2.0',
    'mmaction2': '1.2.0',
    'mmcv': '2.1.0',
}


# Messages of an import with unsupported dependencies


def test_this_installation_is_supported():
    assert version.explain_requirements(version.installed_versions()) == ''


@pytest.mark.parametrize(
    ('name', 'installed'),
    [
        ('torch', '2.5.1'),
        ('torchvision', None),
        ('mmengine', '0.11.0'),
        ('mmpretrain', '1.1.0'),
        ('mmaction2', '0.24.1'),
        ('mmcv', '2.2.0'),
        ('mmcv', None),
    ],
)
def test_an_unsupported_package_is_reported_with_the_command(name, installed):
    assert version.explain_requirements(GOOD) == ''
    message = version.explain_requirements({**GOOD, name: installed})
    assert f'{name} {installed or "is missing"}' in message
    assert f'pip install "{name}' in message
    for other in GOOD.keys() - {name}:
        assert f'"{other}>=' not in message


def test_all_problems_are_reported_together():
    message = version.explain_requirements(dict.fromkeys(GOOD))
    assert all(f'{name} is missing' in message for name in GOOD)


def import_without(hidden='', prelude=''):
    """Import the package and its parts in a new process and return the message."""
    code = (
        f'import sys; sys.modules.update(dict.fromkeys({hidden.split()}))\n{prelude}\n'
        'try:\n    import mmaction_mer\n    import mmaction_mer.registration\n'
        'except ImportError as error:\n    print(error)\n'
        "    print('torch loaded:', 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize('hidden', ['mmcv', 'torchvision', 'mmaction', 'mmengine'])
def test_import_without_a_package(hidden):
    message = import_without(hidden)
    assert message.startswith('mmaction_mer cannot start:\n')
    assert f'{hidden}{"2" * (hidden == "mmaction")} is missing' in message
    # The check runs before the import of torch.
    assert message.endswith('torch loaded: False\n')
    if hidden == 'mmcv':
        assert (
            'pip install "mmcv-lite>=' in message and 'pip install "mmcv>=' in message
        )


def test_import_with_an_unsupported_version():
    message = import_without(
        prelude='import importlib.metadata as m; real = m.version\n'
        "m.version = lambda n: '0.8.0' if n == 'mmengine' else real(n)",
    )
    assert 'mmengine 0.8.0 is installed, but mmengine>=0.10.7,<0.11' in message


def test_import_with_a_torchvision_of_another_build(tmp_path):
    (tmp_path / 'torchvision.py').write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    message = import_without(
        prelude=f'import sys; sys.path.insert(1, {str(tmp_path)!r})'
    )
    assert 'torchvision::nms' in message and 'same source' in message


def test_import_needs_no_extra():
    extras = 'sklearn pytest hypothesis pre_commit'
    assert import_without(extras) == ''


# Content of the wheel


@pytest.fixture
def source(tmp_path_factory):
    """A copy of the files that a build reads."""
    root = tmp_path_factory.mktemp('source')
    skip = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('mmaction_mer', 'configs', 'tools'):
        shutil.copytree(ROOT / name, root / name, ignore=skip)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, root)
    return root


def pip(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, '-m', 'pip', '--disable-pip-version-check', *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def build_wheel(source, folder):
    pip(
        *('wheel', '.', '--no-deps', '--no-build-isolation', '-q', '-w', folder),
        cwd=source,
    )
    (wheel,) = Path(folder).glob('*.whl')
    return zipfile.ZipFile(wheel)


def files_below(folder, *suffixes):
    return {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / folder).rglob('*')
        if p.suffix in suffixes and '__pycache__' not in p.parts
    }


def test_wheel_contains_configs_tools_and_weights(source, tmp_path):
    # Files of an earlier build must not be included.
    stale = source / 'build/lib/mmaction_mer/.mim/configs/stale.py'
    stale.parent.mkdir(parents=True)
    stale.touch()
    wheel = build_wheel(source, tmp_path)
    names = set(wheel.namelist())
    mim = {
        name.removeprefix('mmaction_mer/.mim/')
        for name in names
        if name.startswith('mmaction_mer/.mim/')
    }
    wanted = files_below('configs', '.py', '.yml', '.md') | files_below(
        'tools', '.py', '.sh'
    )
    assert wanted and wanted <= mim
    assert {'model-index.yml', 'README.md'} <= mim
    assert not any('stale' in name or '__pycache__' in name for name in names)
    assert files_below('mmaction_mer', '.py', '.pth', '.html') <= names
    assert not any(name.startswith(('tests/', 'configs/', 'tools/')) for name in names)
    assert not (source / 'mmaction_mer/.mim').exists()
    # Its requirements.
    (name,) = (n for n in wheel.namelist() if n.endswith('.dist-info/METADATA'))
    needs = re.findall(r'^Requires-Dist: (.*)$', wheel.read(name).decode(), re.M)
    always = {re.split(r'[^\w-]', need)[0] for need in needs if 'extra ==' not in need}
    assert {'torch', 'torchvision', 'mmengine', 'mmaction2', 'mmpretrain'} <= always
    # They would overwrite the files of a full mmcv.
    assert not {'mmcv', 'mmcv-lite', 'mmcv_lite'} & always
    lite = [need for need in needs if 'lite' in need.split(';')[-1]]
    assert len(lite) == 1 and lite[0].startswith('mmcv-lite')


def test_editable_installation_leaves_no_copy(source, tmp_path):
    target = tmp_path / 'site'
    pip(
        *('install', '--no-deps', '--no-build-isolation', '-q'),
        *('--target', target, '-e', '.'),
        cwd=source,
    )
    assert list(target.glob('mmaction_mer*.dist-info'))
    assert not (source / 'mmaction_mer/.mim').exists()
    assert not list(source.rglob('build/lib*/**/.mim'))


# Consistency of files


def test_model_index_names_every_leaf_config():
    imported = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert set(imported) == files_below('configs', '.yml')
    named = []
    for path in imported:
        index = yaml.safe_load((ROOT / path).read_text())
        (collection,) = index['Collections']
        table = (ROOT / collection['README']).read_text()
        assert collection['README'] == path.replace('metafile.yml', 'README.md')
        for model in index['Models']:
            assert model['In Collection'] == collection['Name']
            assert model['Config'] == f'configs/{model["Name"]}.py'
            assert f'`{model["Name"]}.py`' in table
            named.append(model['Name'])
    assert sorted(named) == sorted(p.stem for p in (ROOT / 'configs').glob('*.py'))


def test_model_index_is_what_openmmlab_reads():
    modelindex = pytest.importorskip('modelindex')
    loaded = modelindex.load(str(ROOT / 'model-index.yml'))
    assert len(loaded.models) >= 4


def test_constraints_pin_the_stack_within_the_ranges():
    lines = (ROOT / 'requirements/constraints.txt').read_text().splitlines()
    pins = dict(x.split('==') for x in lines if x and not x.startswith('#'))
    stack = {name: pins[name] for name in [*version.SUPPORTED, 'mmcv-lite']}
    assert version.explain_requirements(stack) == ''
    # Both write the same cv2/ folder.
    assert pins['opencv-python'] == pins['opencv-contrib-python']


def test_ci_runs_the_tests_and_nothing_else():
    script = (ROOT / '.ci/run').read_text()
    assert script.splitlines()[-1] == 'exec make test'
    assert (ROOT / '.ci/run').stat().st_mode & 0o111
