"""Hostile files, and a harness that gives them to the entry points.

    python tests/hostile --write OUT           write the corpus
    python tests/hostile [--all] [WORD ...]    give it to the entry points

Each family of files has a module (``checkpoints.py``, ``packed.py``, ``arrays.py``,
``pictures.py``, ``videos.py``, ``annotations.py``, ``tables.py``, ``stores.py``,
``special.py``, ``runs.py``). The entry points are in the modules ``reads_*.py``, see
``entries.py``. ``launcher.py`` forks a process per pair and measures it, and
``selecting.py`` chooses the pairs. ``tests/test_hostile.py`` runs the smallest
selection.

The payload of every file is harmless: it creates a file in ``markers/``, reads a file
of ``secrets/``, or connects to a port of this machine.
"""
