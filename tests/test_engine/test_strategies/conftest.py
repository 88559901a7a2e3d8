import json

import pytest


@pytest.fixture(autouse=True, scope='module')
def quick(nothing_drawn):
    """No test here looks at pictures."""


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
