#!/usr/bin/env bash
# Train a protocol as a SLURM job array, each task its share of the folds, and then one
# job that trains what failed once more and pools:
#   tools/slurm_loso.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
# Settings: TASKS (8), GPUS_PER_TASK (1; 0 for CPU nodes), CPUS_PER_TASK (5),
# SBATCH_ARGS, WAIT (1: wait for the end; the exit status is then that of the run).
# A run that was cut is started again in the same way: finished folds are skipped.
set -euo pipefail

# SLURM runs a copy of this very file: no path has to survive a quotation.
if [[ ${1:-} == --share || ${1:-} == --pool ]]; then
    kind=$1 tasks=$2 python=$3 train=$4
    shift 4
    if [[ $kind == --share ]]; then
        exec "$python" -u "$train" "$@" --share "$SLURM_ARRAY_TASK_ID/$tasks"
    fi
    exec "$python" -u "$train" "$@" --resume
fi

usage='usage: slurm_loso.sh PARTITION JOB_NAME CONFIG [options]'
partition=${1:?$usage}
job=${2:?$usage}
config=${3:?$usage}
if ! command -v sbatch >/dev/null; then
    echo "slurm_loso.sh: sbatch is not on this machine, so there is no SLURM to train on:" \
        "log in to a node of the cluster (or load its module), or train here by" \
        "tools/dist_train.sh CONFIG PROCESSES or python tools/train.py CONFIG" >&2
    exit 127
fi
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
tasks=${TASKS:-8}
gpus_per_task=${GPUS_PER_TASK:-1}
cpus_per_task=${CPUS_PER_TASK:-5}
if ! [[ $tasks =~ ^[1-9][0-9]*$ ]]; then
    echo "slurm_loso.sh: TASKS is '$tasks', not a positive integer" >&2
    exit 2
fi
read -r -a sbatch_args <<<"${SBATCH_ARGS:-}"
if ((gpus_per_task > 0)); then
    sbatch_args+=(--gres="gpu:$gpus_per_task")
fi

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$cpus_per_task}
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
command=("$tasks" "${PYTHON:-python}" "$here/train.py" "$config" "${@:4}")
submit() {
    sbatch --parsable --partition="$partition" --ntasks=1 \
        --cpus-per-task="$cpus_per_task" "${sbatch_args[@]}" "${@:2}" \
        "$here/slurm_loso.sh" "$1" "${command[@]}"
}
array=$(submit --share --job-name="$job" --array="0-$((tasks - 1))")
array=${array%%;*} # a federation adds the cluster's name
echo "job $array trains $tasks shares; the job that pools after it:"
# Whatever became of the shares: what is not done is tried once more there.
after=(--job-name="$job-pool" --dependency="afterany:$array")
if [[ ${WAIT:-0} == 1 ]]; then
    after+=(--wait)
fi
submit --pool "${after[@]}"
