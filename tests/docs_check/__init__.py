"""What `make docs-check` does: every command of README and docs is really run.

- ``commands.py`` finds commands and Python blocks in a page, and says how;
- ``tables.py`` holds what a reader would fill in, and what cannot be run here, and why;
- ``scratch.py`` copies the working tree; ``provided.py`` lays into the copy what a page
  presupposes: releases, weights, runs, a video (``stand_ins.py`` makes them);
- ``shrinking.py`` makes runs small, by patches that ``hook/sitecustomize.py`` applies
  in every Python that starts;
- ``fork_server.py`` imports the package once and forks for every ``python`` that a
  command starts (``bin/python`` asks it), since an import takes seconds;
- ``pages.py`` runs the commands of a page in order, ``check.py`` all pages.
"""
