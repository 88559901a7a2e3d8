"""What can be said of docker/Dockerfile without docker."""

import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from paths import ROOT


def instructions():
    """Instruction and arguments, in order, lines that go on joined."""
    text = (ROOT / 'docker/Dockerfile').read_text()
    text = re.sub(r'^#.*\n', '', text, flags=re.M).replace('\\\n', ' ')
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def copies(steps):
    """Sources and target of every COPY."""
    for kind, rest in steps:
        if kind == 'COPY':
            *sources, target = [w for w in shlex.split(rest) if w[:2] != '--']
            yield sources, target


def test_every_source_exists_and_is_sent_to_docker():
    lines = (ROOT / '.dockerignore').read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith('#')]
    assert rules[0] == '*'
    sent = {rule[1:] for rule in rules if rule.startswith('!')}
    found = [source for sources, _ in copies(instructions()) for source in sources]
    for source in found:
        assert (ROOT / source).exists(), source
        assert Path(source).parts[0] in sent, source
    # And nothing else is.
    assert sent == {Path(source).parts[0] for source in found}
    excluded = [rule for rule in rules[1:] if not rule.startswith('!')]
    assert not any(fnmatch(source, rule) for source in found for rule in excluded)


def test_the_installation_is_the_projects_own():
    steps = instructions()
    makefile = (ROOT / 'Makefile').read_text()
    targets = set(re.findall(r'^([a-z-]+):', makefile, re.M))
    runs = [shlex.split(rest) for kind, rest in steps if kind == 'RUN']
    made = [run[-1] for run in runs if run[0] == 'make']
    assert made == ['install', 'install']
    assert set(made) | {'demo'} <= targets
    assert steps[-1] == ['CMD', '["make", "demo"]']
    # No version of any package is written a second time.
    assert not any('pip' in run for run in runs)
    assert '-c $(CONSTRAINTS)' in makefile
    from_image = next(rest for kind, rest in steps if kind == 'FROM')
    minor = int(re.fullmatch(r'python:3\.(\d+)-slim', from_image)[1])
    assert 11 <= minor <= 14


def test_it_does_not_run_as_root():
    kinds = [kind for kind, _ in instructions()]
    assert ['USER', 'mer'] in instructions()
    assert kinds.index('USER') < kinds.index('COPY')
    owned = [rest for kind, rest in instructions() if kind == 'COPY']
    assert all(rest.startswith('--chown=mer ') for rest in owned)


def laid_out(steps, folder):
    """Copy what the steps copy, as docker would."""
    for sources, target in copies(steps):
        for source in sources:
            place = folder / target / (source if target.endswith('/') else '')
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, place)


@pytest.mark.slow
def test_the_first_installation_needs_no_more_than_it_is_given(tmp_path):
    steps = instructions()
    first = steps.index(['RUN', 'make install'])
    laid_out(steps[:first], tmp_path / 'image')
    dry = subprocess.run(
        ['make', '--dry-run', 'install', f'PYTHON={sys.executable}'],
        cwd=tmp_path / 'image', capture_output=True, text=True,
    )  # fmt: skip
    assert dry.returncode == 0, dry.stderr
    extras = re.search(r"-e '\.\[([\w,]+)\]'", dry.stdout)[1].split(',')
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation',
         '-q', '--target', tmp_path / 'site', '-e', '.'],
        cwd=tmp_path / 'image', capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (metadata,) = (tmp_path / 'site').glob('*.dist-info/METADATA')
    offered = re.findall(r'^Provides-Extra: (.*)$', metadata.read_text(), re.M)
    assert set(extras) <= set(offered)
