"""Two starts at once on a file system without locks."""

import json

from killing import run_script

TWO = """
import errno, fcntl, os, sys, time
from pathlib import Path
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmaction_mer.utils.cli.command_line import report_errors

def fail(handle, kind):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

fcntl.flock = fail
os.fsync = lambda handle: None
torch.set_num_threads(1)

@report_errors
def train(work_dir, resume):
    cfg = Config.fromfile(sys.argv[1])
    cfg.merge_from_dict({
        'work_dir': work_dir, 'resume': resume, 'train_cfg.max_iters': 2,
        'loso.folds': ['s1', 's2'],
    })
    RUNNERS.build(cfg).train()

def start(work_dir, resume, go):
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.read(go, 1)
        code = train(work_dir, resume)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

for name, resume, count in (('whole', False, 1), ('both', False, 2), ('both', True, 2)):
    go, starts = os.pipe()
    work_dir = os.path.join(sys.argv[2], name)
    children = [start(work_dir, resume, go) for _ in range(count)]
    os.write(starts, b'.' * count)
    codes = [end(child) for child in children]
    print('ended', name, *codes, flush=True)
print('over')
"""


def test_two_starts_at_once(config_file, tmp_path):
    """Each ends or is rejected with a message, and removes no file of the other."""
    lines = run_script(TWO, config_file, tmp_path, timeout=600)
    ended = [line.split() for line in lines if line.startswith('ended ')]
    whole, first, second = ended
    assert whole[2:] == ['0']
    # One trains; the other is rejected before it changes anything.
    assert sorted(first[2:]) in (['0', '1'], ['1', '1'])
    assert set(second[2:]) <= {'0', '1'} and '0' in first[2:] + second[2:]
    found = [
        json.loads((tmp_path / name / 'results.json').read_text())
        for name in ('whole', 'both')
    ]
    assert {**found[0], 'extra': 0} == {**found[1], 'extra': 0}
    assert not [*(tmp_path / 'both').rglob('.held.*')]
    assert not [*(tmp_path / 'both').rglob('.*.half-written')]
