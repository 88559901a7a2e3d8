"""General helpers: errors, files, locks, processes, checkpoints, command lines."""
