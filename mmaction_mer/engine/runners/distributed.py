"""Ranks that share folds: who takes which, and where they wait for each other.

A fold is trained by one process that knows of no other, so no process group is
ever opened. All that ranks need is a place to leave a word, the launcher's
key-value store, and that works alike with and without GPUs.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch

from ...utils.errors import MERRunError

Item = TypeVar('Item')

# Rank, number of ranks and rank on this machine, as each launcher tells them.
_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK',
    ),
}  # fmt: skip
# A rank may wait for the slowest other one to train all its folds.
_PATIENCE = timedelta(days=30)
# Seconds between two looks for a word.
_PAUSE = 0.1


class Ranks:
    """The processes of one run.

    Args:
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        environment: Where the launcher left its variables.

    Raises:
        MERRunError: The launcher's variables are missing.
    """

    def __init__(
        self, launcher: str = 'none', environment: Mapping[str, str] = os.environ
    ) -> None:
        self.rank, self.world, self.local = 0, 1, 0
        self._store: Any = None
        if launcher != 'none':
            self.rank, self.world, self.local = _read(launcher, environment)

    @property
    def first(self) -> bool:
        """Whether this is the rank that plans, prints and pools."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Give this rank's share of a list."""
        return list(items[self.rank :: self.world])

    def take_device(self) -> None:
        """Use the GPU of this rank's number, where there are GPUs."""
        if self.world > 1 and torch.cuda.is_available():
            torch.cuda.set_device(self.local % torch.cuda.device_count())

    def broadcast(self, plan: Callable[[], Any]) -> Any:
        """Let the first rank work something out and tell the others.

        Args:
            plan: Called on the first rank only; gives plain JSON.

        Returns:
            What ``plan`` gave, on every rank.

        Raises:
            MERRunError: ``plan`` failed on the first rank.
        """
        if self.world == 1:
            return plan()
        store = self._open()
        if not self.first:
            self._await(['plan'])
            word = json.loads(store.get('plan'))
            if 'plan' not in word:
                raise MERRunError('the first rank could not start; see its message')
            return word['plan']
        word = {}
        try:
            word = {'plan': plan()}
            return word['plan']
        finally:
            store.set('plan', json.dumps(word))

    def barrier(self) -> None:
        """Wait on the first rank until every rank came here."""
        if self.world == 1:
            return
        store = self._open()
        store.set(f'done/{self.rank}', '1')
        if self.first:
            self._await([f'done/{rank}' for rank in range(self.world)])
            store.set('over', '1')
        else:
            # The first rank may be the one that keeps the store. Where it is gone, this
            # one has done its share all the same.
            with contextlib.suppress(MERRunError):
                self._await(['over'])

    def leave(self) -> None:
        """Tell the others that this rank ends early, so that none waits for it."""
        if self._store is not None:
            # Where the store is gone, nobody is left to be told.
            with contextlib.suppress(RuntimeError):
                self._store.set('left', str(self.rank))

    def _await(self, keys: list[str]) -> None:
        """Wait for words of other ranks; in Python, where signals are heard.

        Raises:
            MERRunError: A rank left, or the first one is gone.
        """
        store = self._open()
        while not self._have(store, keys):
            if self._have(store, ['left']):
                rank = store.get('left').decode()
                raise MERRunError(f'rank {rank} has ended early; see its message')
            time.sleep(_PAUSE)

    @staticmethod
    def _have(store: Any, keys: list[str]) -> bool:
        try:
            return store.check(keys)
        except RuntimeError as error:
            raise MERRunError(
                f'the first rank has ended early; see its message ({error})'
            ) from error

    def _open(self) -> Any:
        if self._store is None:
            os.environ.setdefault('MASTER_ADDR', _first_host())
            os.environ.setdefault('MASTER_PORT', '29500')
            url = f'env://?rank={self.rank}&world_size={self.world}'
            store, _, _ = next(torch.distributed.rendezvous(url, timeout=_PATIENCE))
            self._store = torch.distributed.PrefixStore('mmaction_mer', store)
        return self._store


def _read(launcher: str, environment: Mapping[str, str]) -> tuple[int, int, int]:
    if launcher not in _VARIABLES:
        raise MERRunError(
            f'unknown launcher {launcher!r}; known are none, {", ".join(_VARIABLES)}'
        )
    try:
        rank, world, local = (int(environment[name]) for name in _VARIABLES[launcher])
    except (KeyError, ValueError) as error:
        raise MERRunError(
            f'launcher {launcher!r} left no {error}: start through '
            f'tools/dist_train.sh or tools/slurm_train.sh, or use --launcher none'
        ) from error
    return rank, world, local


def _first_host() -> str:
    nodes = os.environ.get('SLURM_NODELIST')
    if not nodes:
        return '127.0.0.1'
    names = subprocess.run(
        ['scontrol', 'show', 'hostnames', nodes],
        capture_output=True,
        text=True,
        check=True,
    )
    return names.stdout.split()[0]
