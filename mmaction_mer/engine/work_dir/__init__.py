"""The work directory of a run: its files, how they are read and checked."""
