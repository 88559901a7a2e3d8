"""Files that attack whoever reads them, and the machinery that reads them.

    python tests/hostile --write OUT          write the corpus, to look at it
    python tests/hostile --run [--all] [WORD ...]   give it to the entry points

Each family has a file of its own (``checkpoints.py``, ``packed.py``, ``arrays.py``,
``pictures.py``, ``videos.py``, ``annotations.py``, ``tables.py``, ``stores.py``,
``special.py``, ``runs.py``), ``entries.py`` says what reads which kind of file,
``launcher.py`` forks a process per pair and measures it. ``tests/test_hostile.py`` runs
a selection in which every family meets every entry point that takes it.

Everything that a file plants is harmless: it creates a file in ``markers/``, reads one
of ``secrets/`` or calls a port of this machine.
"""
