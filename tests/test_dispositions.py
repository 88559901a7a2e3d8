"""Tests mean the same under nohup, as a background job and as a rank of a launcher."""

import os
import signal
import subprocess
import sys

from paths import HELPERS

PROGRAM = """
import os, signal, subprocess, sys, time
from dispositions import restore
restore()
assert os.umask(0o022) == 0o022
assert 'RANK' not in os.environ and 'SLURM_PROCID' not in os.environ
# A child gets the signals as well, and its exit status is known.
pause = [sys.executable, '-c', 'print(1, flush=True); import time; time.sleep(600)']
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    child = subprocess.Popen(pause, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdout.readline()
    child.send_signal(number)
    assert child.wait() == -number, number
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)
except KeyboardInterrupt:
    print('heard')
"""


def test_nothing_is_inherited():
    ignoring = 'trap "" INT TERM HUP; umask 077; exec "$0" -c "$1"'
    done = subprocess.run(
        ['sh', '-c', ignoring, sys.executable, PROGRAM],
        env=os.environ | {'RANK': '3', 'SLURM_PROCID': '3'},
        cwd=HELPERS, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.stdout == 'heard\n', done.stderr


def test_these_tests_get_signals():
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
