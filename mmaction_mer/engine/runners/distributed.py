"""Ranks that divide the folds of a run among themselves, and their synchronization.

A fold is trained by a single process, so that no process group is opened. Ranks only
need to exchange short messages, for which they use the launcher's key-value store; it
works with and without GPUs.
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

# Rank, number of ranks, and rank on this machine, in the variables of each launcher.
_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK',
    ),
}  # fmt: skip
# A rank may wait until the slowest one has trained all its folds.
_TIMEOUT = timedelta(days=30)
# Seconds between two polls for a message.
_INTERVAL = 0.1


class Ranks:
    """The processes of one run.

    Args:
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'``, or ``'mpi'``. Defaults to
            'none'.
        environment: The variables of the launcher. Defaults to ``os.environ``.

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
        """Whether this is the rank that plans, prints, and pools."""
        return self.rank == 0

    def shard(self, items: Sequence[Item]) -> list[Item]:
        """Return this rank's part of a list."""
        return list(items[self.rank :: self.world])

    def take_device(self) -> None:
        """Select the GPU of this rank, if there are GPUs."""
        if self.world > 1 and torch.cuda.is_available():
            torch.cuda.set_device(self.local % torch.cuda.device_count())

    def broadcast(self, compute: Callable[[], Any]) -> Any:
        """Compute something on the first rank, and send it to the others.

        Args:
            compute: Called on the first rank only; returns plain JSON.

        Returns:
            The value of ``compute``, on every rank.

        Raises:
            MERRunError: ``compute`` failed on the first rank.
        """
        if self.world == 1:
            return compute()
        store = self._open()
        if not self.first:
            self._await(['plan'])
            message = json.loads(store.get('plan'))
            if 'plan' not in message:
                raise MERRunError('the first rank could not start; see its message')
            return message['plan']
        message = {}
        try:
            message = {'plan': compute()}
            return message['plan']
        finally:
            store.set('plan', json.dumps(message))

    def barrier(self) -> None:
        """Wait until every rank has reached this point."""
        if self.world == 1:
            return
        store = self._open()
        store.set(f'done/{self.rank}', '1')
        if self.first:
            self._await([f'done/{rank}' for rank in range(self.world)])
            store.set('over', '1')
        else:
            # The first rank may host the store. If it is gone, this rank has finished
            # its part anyway.
            with contextlib.suppress(MERRunError):
                self._await(['over'])

    def leave(self) -> None:
        """Notify the others that this rank ends early, so that none waits for it."""
        if self._store is not None:
            # If the store is gone, no rank is left.
            with contextlib.suppress(RuntimeError):
                self._store.set('left', str(self.rank))

    def _await(self, keys: list[str]) -> None:
        """Wait for messages of other ranks, in Python, where signals are handled.

        Raises:
            MERRunError: A rank ended early.
        """
        store = self._open()
        while not self._have(store, keys):
            if self._have(store, ['left']):
                rank = store.get('left').decode()
                raise MERRunError(f'rank {rank} has ended early; see its message')
            time.sleep(_INTERVAL)

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
            store, _, _ = next(torch.distributed.rendezvous(url, timeout=_TIMEOUT))
            self._store = torch.distributed.PrefixStore('mmaction_mer', store)
        return self._store


def _read(launcher: str, environment: Mapping[str, str]) -> tuple[int, int, int]:
    if launcher not in _VARIABLES:
        raise MERRunError(
            f'unknown launcher {launcher!r}, not one of none, {", ".join(_VARIABLES)}'
        )
    try:
        rank, world, local = (int(environment[name]) for name in _VARIABLES[launcher])
    except (KeyError, ValueError) as error:
        raise MERRunError(
            f'launcher {launcher!r} did not set {error}',
            hint='start with tools/dist_train.sh or tools/slurm_train.sh, or use '
            '--launcher none',
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
