"""The work directory of a run: how its files are written, read, and checked."""
