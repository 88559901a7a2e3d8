"""Reading of hostile files, each in a process of its own: a crash is a result too."""

import json
import os
import subprocess
import sys

from paths import ROOT

CHILD = """
import json, os, pickle, resource, sys
import mmaction_mer, torch
from mmaction_mer.utils.checkpoints.reading import read_checkpoint

def with_torch(path):
    return torch.load(path, weights_only=True)

read = read_checkpoint if sys.argv[1] == 'read_checkpoint' else with_torch
results = {}
for path in sys.argv[2:]:
    reader, writer = os.pipe()
    if not os.fork():
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            value = read(path)
            # Use the value: an invalid pointer crashes here at the latest.
            text = f'read {len(repr(value)) if read is with_torch else len(value)}'
            del value
        except pickle.UnpicklingError as error:
            text = f'rejected {error}'[:4000]
        spent = resource.getrusage(resource.RUSAGE_SELF)
        grown = (spent.ru_maxrss - before) * 1024
        os.write(writer, json.dumps([text, grown, spent.ru_utime]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    results[path] = [os.wait()[1], *json.loads(text or '["crashed", 0, 0]')]
print(json.dumps(results))
"""


def read_isolated(files, function='read_checkpoint'):
    """Read each file in a forked process.

    Args:
        files: Paths by name.
        function: ``'read_checkpoint'`` or ``'torch.load'``.

    Returns:
        By name: exit status, message, growth of the memory in bytes, and seconds.
    """
    done = subprocess.run(
        [sys.executable, '-c', CHILD, function, *map(str, files.values())],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    return {name: results[str(path)] for name, path in files.items()}
