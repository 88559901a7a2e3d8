"""Helpers that know nothing of faces: errors, files, locks, processes, command lines."""
