"""A run as a job array of SLURM, by tools/slurm_loso.sh."""

import os
import shutil
import stat
import subprocess

import pytest
from paths import ROOT

TOOLS = ROOT / 'tools'

# As SLURM does: the script is copied, array tasks run in parallel, and a dependent job
# when they have ended. The state of each is written to a file.
SBATCH = """#!/usr/bin/env bash
number=$(($(ls "$SPOOL" | grep -c '^job') + 1))
status=0 tasks=-1 wait=0
while [[ $1 == --* ]]; do
    echo "$1" >>"$SPOOL/job$number"
    case $1 in
    --array=0-*) tasks=${1##*-} ;;
    --wait) wait=1 ;;
    esac
    shift
done
cp "$1" "$SPOOL/slurm_script"
shift
run() { bash "$SPOOL/slurm_script" "$@" >>"$SPOOL/log" 2>&1; }
if ((tasks >= 0)); then
    pids=()
    for ((task = 0; task <= tasks; task++)); do
        SLURM_ARRAY_TASK_ID=$task run "$@" & pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    echo "$number;cluster"
    exit 0
fi
run "$@" || status=$?
echo "$number;cluster"
exit $((wait ? status : 0))
"""

# Stands for the Python that trains: share 1 fails, and so does the pooling if asked to.
PYTHON = """#!/usr/bin/env bash
line=$(printf '<%s> ' "$@")
echo "$line$OMP_NUM_THREADS" >>"$SPOOL/calls"
case "$*" in
*"--share 1/3") exit 1 ;;
*--resume) exit "$POOLING" ;;
esac
"""


@pytest.fixture
def slurm(tmp_path, tool):
    """Submit to a fake SLURM; return the finished command and the calls of Python."""
    spool = tmp_path / 'spool'
    spool.mkdir()
    for name, text in (('sbatch', SBATCH), ('py thon', PYTHON)):
        path = tmp_path / 'bin' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def submit(*command, **environment):
        values = {
            'PATH': f'{tmp_path / "bin"}:{os.environ["PATH"]}', 'SPOOL': str(spool),
            'PYTHON': str(tmp_path / 'bin' / 'py thon'), 'POOLING': '0',
            'OMP_NUM_THREADS': '',
        } | environment  # fmt: skip
        done = tool(TOOLS / 'slurm_loso.sh', *command, **values)
        calls = spool / 'calls'
        return done, calls.read_text().splitlines() if calls.exists() else []

    submit.spool = spool
    return submit


def test_a_job_array_trains_shares_and_one_job_pools(slurm):
    options = ['--work-dir', "a 'b' $(c)", '--folds', 's1', 's2']
    done, calls = slurm('gpu', 'me', 'x y.py', *options, TASKS='3', CPUS_PER_TASK='7')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith('2')
    train = f'<-u> <{TOOLS / "train.py"}> <x y.py> ' + ''.join(
        f'<{option}> ' for option in options
    )
    shares = [f'{train}<--share> <{number}/3> 7' for number in range(3)]
    assert sorted(calls[:3]) == shares and calls[3:] == [f'{train}<--resume> 7']
    first, second = ((slurm.spool / f'job{n}').read_text().split() for n in (1, 2))
    for one in (first, second):
        assert {'--partition=gpu', '--cpus-per-task=7', '--gres=gpu:1'} <= {*one}
    assert '--array=0-2' in first and '--dependency=afterany:1' in second
    assert '--wait' not in second


def test_the_status_of_the_pooling_is_returned_if_waited_for(slurm):
    command = ['cpu', 'me', 'c.py']
    settings = dict(TASKS='3', GPUS_PER_TASK='0', SBATCH_ARGS='--time=5 --mem=2G')
    assert slurm(*command, **settings, POOLING='1')[0].returncode == 0
    assert slurm(*command, **settings, WAIT='1')[0].returncode == 0
    assert slurm(*command, **settings, POOLING='1', WAIT='1')[0].returncode == 1
    text = (slurm.spool / 'job1').read_text()
    assert '--time=5' in text and '--mem=2G' in text and 'gpu:' not in text


@pytest.mark.parametrize('tasks', ['0', '-1', 'x', '2x', '08'])
def test_an_invalid_number_of_tasks_is_rejected(slurm, tasks):
    done, calls = slurm('gpu', 'me', 'c.py', TASKS=tasks)
    assert done.returncode == 2 and f"TASKS is '{tasks}'" in done.stderr
    assert not calls
    assert slurm('gpu')[0].returncode != 0


@pytest.mark.parametrize(
    ('script', 'missing'), [('slurm_train.sh', 'srun'), ('slurm_loso.sh', 'sbatch')]
)
def test_a_machine_without_slurm(tmp_path, script, missing):
    """The message names what to use instead."""
    done = subprocess.run(
        [shutil.which('bash'), TOOLS / script, 'gpu', 'me', 'c.py'],
        env={'PATH': str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 127 and not done.stdout
    assert f'{missing} is not on this machine, so there is no SLURM' in done.stderr
    assert 'tools/dist_train.sh CONFIG PROCESSES' in done.stderr
    assert 'command not found' not in done.stderr
