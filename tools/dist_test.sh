#!/usr/bin/env bash
# Score by several processes on one or more machines:
#   tools/dist_test.sh CONFIG [CHECKPOINT] PROCESSES [options of tools/test.py]
# The checkpoint may be left out where tools/test.py allows it.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
if [[ $# -ge 2 && $2 =~ ^[0-9]+$ ]]; then
    exec "$here/dist_run.sh" test.py "$@"
fi
config=${1:?usage: dist_test.sh CONFIG [CHECKPOINT] PROCESSES [options]}
checkpoint=${2:?usage: dist_test.sh CONFIG [CHECKPOINT] PROCESSES [options]}
processes=${3:?usage: dist_test.sh CONFIG [CHECKPOINT] PROCESSES [options]}
exec "$here/dist_run.sh" test.py "$config" "$processes" "$checkpoint" "${@:4}"
