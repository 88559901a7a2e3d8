"""No file makes an entry point run code, hang, exhaust the memory or crash."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_hostile_files_have_no_effect(tmp_path):
    """Every entry point reads a hostile file, and every family of files is read.

    ``python tests/hostile`` gives every family to every entry point that reads it, and
    with ``--all`` every file.
    """
    report = tmp_path / 'report.json'
    command = [sys.executable, str(HERE / 'hostile'), '--brief', '--report', report]
    paths = [str(HERE.parent), *filter(None, [os.environ.get('PYTHONPATH')])]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(paths)}
    ended = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert report.is_file(), ended.stdout + ended.stderr
    content = json.loads(report.read_text())
    outcomes, entries = content['outcomes'], content['entries']

    # The entry points work on sound files: a file that is not read has no effect.
    for one in content['sound']:
        expected = not entries[one['entry']]['works'] or one['status'] == 0
        assert expected and not one['faults'], one
    assert {*entries} == {one['entry'] for one in outcomes}
    families = {case['name'].partition('/')[0] for case in content['cases']}
    assert families == {one['case'].partition('/')[0] for one in outcomes}

    # Probes misbehave on purpose, and the harness notices each.
    from hostile.probes import FOUND

    faults = {one['entry']: one['faults'] for one in outcomes}
    for name, fault in FOUND.items():
        assert any(fault in text for text in faults[name]), (name, faults[name])

    faulty = [
        f'{one["entry"]} over {one["case"]}: {one["faults"]}: {one["said"][-300:]}'
        for one in outcomes
        if one['faults'] and one['entry'] not in FOUND
    ]
    assert not faulty, f'{len(faulty)} of {len(outcomes)}:\n' + '\n'.join(faulty)
