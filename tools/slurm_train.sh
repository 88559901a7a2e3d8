#!/usr/bin/env bash
# Train on a SLURM cluster:
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
# Settings: GPUS (tasks, 8), GPUS_PER_NODE (8; 0 for CPU nodes), CPUS_PER_TASK (5),
# SRUN_ARGS. A protocol gives each task its share of the folds.
set -euo pipefail
usage='usage: slurm_train.sh PARTITION JOB_NAME CONFIG [options]'
partition=${1:?$usage}
job=${2:?$usage}
config=${3:?$usage}
if ! command -v srun >/dev/null; then
    echo "slurm_train.sh: srun is not on this machine, so there is no SLURM to train on:" \
        "log in to a node of the cluster (or load its module), or train here by" \
        "tools/dist_train.sh CONFIG PROCESSES or python tools/train.py CONFIG" >&2
    exit 127
fi
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
gpus=${GPUS:-8}
gpus_per_node=${GPUS_PER_NODE:-8}
cpus_per_task=${CPUS_PER_TASK:-5}
read -r -a srun_args <<<"${SRUN_ARGS:-}"
if ((gpus_per_node > 0)); then
    per_node=$((gpus < gpus_per_node ? gpus : gpus_per_node))
    srun_args+=(--gres="gpu:$per_node" --ntasks-per-node="$per_node")
fi

export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$cpus_per_task}
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
exec srun --partition="$partition" --job-name="$job" \
    --ntasks="$gpus" --cpus-per-task="$cpus_per_task" --kill-on-bad-exit=1 \
    "${srun_args[@]}" \
    "${PYTHON:-python}" -u "$here/train.py" "$config" "${@:4}" --launcher slurm
