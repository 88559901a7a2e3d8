"""Standardised clips on disk: one array, and an index beside it.

What :class:`~mmaction_mer.datasets.clip_cache.CachedPipeline` keeps in the memory of
one process, a store keeps for all of them and for good: what the deterministic
beginning of a pipeline makes of each clip. Labels are not part of it, so that all
annotation files of the same clips share one store.

.. code-block:: none

    data/casme2/store/
        clips.npy    (N, T, H, W, 3) uint8, RGB
        index.json   the transforms; per clip its row of clips.npy, the facts and the
                     fingerprint of the files it was made from, and what else the
                     transforms said of it
"""

from .reading import ClipStore, find_store
from .writing import STANDARD, write_store

__all__ = ['STANDARD', 'ClipStore', 'find_store', 'write_store']
