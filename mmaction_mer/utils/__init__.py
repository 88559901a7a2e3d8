"""Helpers that know nothing of faces: errors, files, locks, command lines."""
