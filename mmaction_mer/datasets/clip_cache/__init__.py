"""Clips after the deterministic beginning of a pipeline, in memory and on disk.

Reading, standardizing and resizing a clip gives the same result in every iteration of
every fold. It is cached in the memory of one process (``cache=True`` of
:class:`~mmaction_mer.datasets.mer_dataset.MERDataset`), or on disk for all processes,
in a clip store beside the annotation (``--store`` of ``tools/data/prepare.py``). Labels
are not part of it, so all annotation files of the same clips share one store.

.. code-block:: none

    data/casme2/store/
        index.json    the transforms, and the key of each clip
        KEY.npy       the frames of a clip, (T, H, W, 3) uint8, RGB
        KEY.json      the annotation fields and source files that the clip was built
                      from, and the fields that the transforms added to it

A key is the hash of everything that determines a clip. So a file is never overwritten
by a different one, and an interrupted run continues where it stopped.
"""

from .deterministic import deterministic_prefix, is_deterministic
from .memory import MemoryCache
from .store import ClipStore, find_store
from .writer import STANDARD, write_store

__all__ = [
    'STANDARD',
    'ClipStore',
    'MemoryCache',
    'deterministic_prefix',
    'find_store',
    'is_deterministic',
    'write_store',
]
