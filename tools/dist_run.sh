#!/usr/bin/env bash
# Start a tool in several processes: dist_run.sh TOOL CONFIG PROCESSES [options].
# Called by dist_train.sh and dist_test.sh.
set -euo pipefail
tool=${1:?usage: dist_run.sh TOOL CONFIG PROCESSES [options]}
config=${2:?usage: dist_${tool%.py}.sh CONFIG PROCESSES [options]}
processes=${3:?usage: dist_${tool%.py}.sh CONFIG PROCESSES [options]}
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python=${PYTHON:-python}

# torchrun would set one thread for everybody; share the cores out instead.
if [[ -z ${OMP_NUM_THREADS:-} ]]; then
    threads=$(($("$python" -c 'import os; print(len(os.sched_getaffinity(0)))') / processes))
    export OMP_NUM_THREADS=$((threads > 0 ? threads : 1))
fi
# One machine takes any free port, so that two runs can stand side by side.
if [[ ${NNODES:-1} == 1 && -z ${PORT:-} ]]; then
    PORT=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
fi

export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}" \
    --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="${PORT:-29500}" \
    --nproc-per-node="$processes" \
    "$here/$tool" "$config" "${@:4}" --launcher pytorch
