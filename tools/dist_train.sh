#!/usr/bin/env bash
# Train by several processes on one or more machines:
#   tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
# A protocol gives each process its share of the folds; an ordinary config is
# trained by all of them together. Settings: NNODES, NODE_RANK, MASTER_ADDR, PORT.
exec "$(dirname "${BASH_SOURCE[0]}")/dist_run.sh" train.py "$@"
