"""No file makes an entry point run its code, hang, fill the memory or break."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_hostile_files_do_nothing_to_whoever_reads_them(tmp_path):
    """Every family meets every entry point that takes it (``tests/hostile``).

    ``python tests/hostile --all`` gives every file to every entry point.
    """
    report = tmp_path / 'report.json'
    command = [sys.executable, str(HERE / 'hostile'), '--report', str(report)]
    repository = str(HERE.parent)
    paths = [repository, *filter(None, [os.environ.get('PYTHONPATH')])]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(paths)}
    ended = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert report.is_file(), ended.stdout + ended.stderr
    told = json.loads(report.read_text())
    outcomes, entries, cases = told['outcomes'], told['entries'], told['cases']

    # What is never read cannot be dangerous: the entry points do their work.
    for one in told['sound']:
        expected = not entries[one['entry']]['works'] or one['status'] == 0
        assert expected and not one['faults'], one
    family = {case['name']: case['name'].partition('/')[0] for case in cases}
    met = {(one['entry'], family[one['case']]) for one in outcomes}
    for name, entry in entries.items():
        taken = {
            family[one['name']] for one in cases if {*one['kinds']} & {*entry['kinds']}
        }
        assert taken and {(name, one) for one in taken} <= met

    # What does all that is forbidden is found out, each by what it does.
    from hostile.probes import FOUND

    found = {one['entry']: one['faults'] for one in outcomes if one['entry'] in FOUND}
    for name, fault in FOUND.items():
        assert any(fault in text for text in found[name]), (name, found[name])

    faulty = [
        f'{one["entry"]} over {one["case"]}: {one["faults"]}: {one["said"][-300:]}'
        for one in outcomes
        if one['faults'] and one['entry'] not in FOUND
    ]
    assert not faulty, f'{len(faulty)} of {len(outcomes)}:\n' + '\n'.join(faulty)
