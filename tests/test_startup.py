"""What a command imports before it has read its command line: next to nothing."""

import ast
import subprocess
import sys

import pytest
from load_tool import load_tool
from paths import ROOT, TOOLS

from mmaction_mer import __main__ as program
from mmaction_mer.analysis.figures import FIGURES
from mmaction_mer.apis.face_crop import FACE_MODES
from mmaction_mer.apis.weights import DEMO
from mmaction_mer.datasets.synthme import Nuisance
from mmaction_mer.evaluation.bootstrap import RESAMPLES
from mmaction_mer.evaluation.flow_baseline import SIDE
from mmaction_mer.evaluation.summary import SELECTIONS
from mmaction_mer.models.converters import LAYOUTS

HEAVY = ('torch', 'mmengine', 'mmaction', 'cv2', 'scipy', 'matplotlib', 'gradio')
# Prints which heavy modules are there after the command line of each tool was read.
SCRIPT = """
import contextlib, io, runpy, sys
heavy, tools = {heavy}, sys.argv[1:]
for tool in tools:
    sys.argv = [tool, '--help']
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(tool, run_name='__main__')
        except SystemExit as end:
            assert not end.code, tool
    assert not (found := [one for one in heavy if one in sys.modules]), (tool, found)
print('over')
"""


def tools():
    return sorted(
        path for path in TOOLS.rglob('*.py')
        if "__name__ == '__main__'" in path.read_text() and path.parent.name != 'docs'
    )  # fmt: skip


def run(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_help_of_a_tool_imports_nothing_heavy():
    listed = tools()
    assert len(listed) > 15
    done = run('-c', SCRIPT.format(heavy=HEAVY), *listed)
    assert done.stdout.strip() == 'over'


def test_help_of_the_package_imports_nothing_heavy():
    done = run('-X', 'importtime', '-m', 'mmaction_mer', '--help')
    assert 'predict' in done.stdout
    imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in imported
    assert not imported & set(HEAVY)


def test_importing_the_package_leaves_the_parts_alone():
    """They come with the first name that a registry is asked for."""
    script = (
        'import sys, mmaction_mer\n'
        "late = ['mmaction.models', 'mmpretrain', 'scipy', 'matplotlib',\n"
        "        'mmaction_mer.models', 'mmaction_mer.engine']\n"
        'assert not (found := [one for one in late if one in sys.modules]), found\n'
        'from mmaction.registry import HOOKS, MODELS\n'
        "assert MODELS.get('MPTRecognizer') and HOOKS.get('RunReportHook')\n"
        'assert mmaction_mer.motion.rank_pool\n'
    )
    run('-c', script)


def test_a_registry_that_was_used_before_finds_the_parts():
    script = (
        'from mmaction.registry import DATASETS\n'
        "assert DATASETS.get('VideoDataset') and not DATASETS.get('MERDataset')\n"
        'import mmaction_mer\n'
        "assert DATASETS.get('MERDataset')\n"
    )
    run('-c', script)


@pytest.mark.parametrize(
    ('written', 'meant'),
    [
        (program.DEMO, DEMO),
        (program.FACE_MODES, FACE_MODES),
        (load_tool('convert_weights.py').LAYOUTS, tuple(sorted(LAYOUTS))),
        (load_tool('analysis/visualize.py').FIGURES, tuple(FIGURES)),
        (load_tool('analysis/score.py').SELECTIONS, tuple(SELECTIONS)),
        (load_tool('analysis/compare.py').RESAMPLES, RESAMPLES),
        (load_tool('analysis/flow_baseline.py').SIDE, SIDE),
        (
            {k: v[0] for k, v in load_tool('data/make_synthme.py').NUISANCES.items()},
            vars(Nuisance()),
        ),
    ],
)
def test_what_a_command_line_repeats_is_what_the_package_says(written, meant):
    assert written == meant


def test_tools_import_the_package_inside_functions_alone():
    for path in tools():
        for node in ast.parse(path.read_text()).body:
            names = [getattr(node, 'module', None) or '']
            names += [one.name for one in getattr(node, 'names', [])]
            assert not any(name.startswith(HEAVY) for name in names), path
