"""Errors and signals that end a program."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from load_tool import load_tool
from paths import HELPERS, ROOT, TESTS

from mmaction_mer.utils.cli.command_line import report_errors, user_message


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_program_after_its_cleanup(number, capsys):
    cleaned = []

    @report_errors
    def main():
        try:
            os.kill(os.getpid(), number)
            time.sleep(600)
        finally:
            cleaned.append(True)

    assert main() == 128 + number and cleaned
    assert number.name in capsys.readouterr().err
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_ignored_and_handled_signals_are_unchanged(number):
    received = []

    @report_errors
    def main():
        os.kill(os.getpid(), number)

    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert main() == 0
        signal.signal(number, lambda *_: received.append(True))
        assert main() == 0 and received
    finally:
        signal.signal(number, before)


def test_a_forked_child_ends_without_cleanup():
    @report_errors
    def main():
        child = os.fork()
        if not child:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(600)
            finally:
                os._exit(0)
        return os.waitpid(child, 0)[1]

    ended = []
    report_errors(lambda: ended.append(main.__wrapped__()))()
    assert os.waitstatus_to_exitcode(ended[0]) == -signal.SIGTERM


@pytest.mark.parametrize(
    'error',
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        BlockingIOError(11, 'Resource temporarily unavailable'),
        RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. '),
    ],
)
def test_exhausted_resources_are_explained(error):
    assert 'ulimit -a' in user_message(error)


# One process imports; its forks train until they receive a signal.
ENDED = """
import glob, os, signal, sys, time
import cv2, torch
from load_tool import load_tool
from mmaction_mer.analysis import RunReportHook

RunReportHook.after_train = lambda *args: None
cv2.setNumThreads(1)
torch.set_num_threads(1)
main = load_tool('train.py').main
configs, folder, number = sys.argv[1:3], sys.argv[3], int(sys.argv[4])

for strategy in ('sequential', 'stacked', 'parallel'):
    run = os.path.join(folder, strategy)
    child = os.fork()
    if not child:
        code = 9
        try:
            code = main([
                configs[strategy == 'stacked'], '--work-dir', run, '--strategy',
                strategy, '--cfg-options', 'train_cfg.max_iters=100000',
            ])
        finally:
            sys.stderr.flush()
            os._exit(code)
    # A stack keeps the states of its folds in one file.
    places = ('folds/s1/last.pth', 'stacks/*.pth')
    while not any(glob.glob(os.path.join(run, place)) for place in places):
        assert os.waitpid(child, os.WNOHANG) == (0, 0), strategy
        time.sleep(0.01)
    os.kill(child, number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(strategy, code, flush=True)
"""


@pytest.fixture
def stack_file(toy_data, tmp_path):
    from stack_toy import CONFIG

    path = tmp_path / 'stack_config.py'
    text = CONFIG.replace('{root}', str(toy_data))
    path.write_text(text.replace('uneven.json', 'annotations.json'))
    return path


def processes_of(marker):
    """IDs of all processes with a text in their environment."""
    found = []
    for path in Path('/proc').glob('[0-9]*/environ'):
        try:
            if marker in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            pass
    return found


@pytest.mark.slow
def test_a_run_ends_on_a_signal_and_can_be_resumed(
    config_file, stack_file, tmp_path, capsys
):
    config_file.write_text(config_file.read_text() + 'loso["workers"] = 1\n')
    paths = [str(ROOT), str(HELPERS), str(TESTS)]
    marker = f'TEST_FOLDER={tmp_path}'
    done = subprocess.run(
        [sys.executable, '-c', ENDED, config_file, stack_file, tmp_path,
         str(int(signal.SIGTERM))],
        env=os.environ | {
            'PYTHONPATH': os.pathsep.join([*paths, os.environ.get('PYTHONPATH', '')]),
            'OMP_NUM_THREADS': '1', 'TEST_FOLDER': str(tmp_path),
        },
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    ended = [line for line in done.stdout.splitlines() if line.endswith(' 143')]
    assert ended == ['sequential 143', 'stacked 143', 'parallel 143']
    assert 'Traceback' not in done.stderr
    # No process is left, and no half-written file.
    assert not processes_of(marker.encode())
    assert not [*tmp_path.rglob('*.half-written')]
    # The lock is free, and training can be resumed from the state.
    command = [str(config_file), '--work-dir', str(tmp_path / 'sequential')]
    state = tmp_path / 'sequential' / 'folds' / 's1' / 'last.pth'
    assert state.is_file()
    status = json.loads((state.parent / 'fold.json').read_text())['status']
    assert status == 'running'
    options = ['--folds', 's1', '--resume', '--cfg-options']
    # The config on the disk is complete: a different one is detected.
    assert load_tool('train.py').main([*command, *options, 'train_cfg.max_iters=9'])
    assert 'max_iters: 100000 -> 9' in capsys.readouterr().err
