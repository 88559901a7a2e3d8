"""The schedule of training states: by iterations, by time, and by cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

# Most seconds of work that a kill may cost, however long saving takes.
LONGEST = 60.0
# Seconds until the first state of a session: the cost of saving is not known before,
# and starting took as long as many iterations.
FIRST = 2.0


class SaveTimer:
    """Timer that tells when the next training state is due.

    It is due after ``interval`` iterations or ``seconds``, whichever comes first, but
    not before saving takes less than ``share`` of the time. In case of a conflict the
    work that a kill would cost takes precedence: a state is written before that reaches
    a minute (:data:`LONGEST`), or after each iteration if one takes longer.

    Args:
        interval: Iterations between two saves.
        seconds: Seconds between two saves.
        share: Fraction of the time that saving may take, such as 0.05; None for any.

    >>> timer = SaveTimer(interval=50, seconds=30.0, share=None)
    >>> timer.start(iteration=100)
    >>> timer.due(149), timer.due(150)
    (False, True)
    """

    def __init__(self, interval: int, seconds: float, share: float | None) -> None:
        self.interval = interval
        self.seconds = seconds
        self.share = share
        self.start(0)

    def start(self, iteration: int) -> None:
        """Start a session at an iteration, whose state is on disk if it is not 0.

        Args:
            iteration: Iterations done so far.
        """
        self.iteration = iteration
        self._cost: float | None = None
        self._since = self._asked = monotonic()

    def due(self, iteration: int) -> bool:
        """Return whether a state is due; call it before every iteration.

        Args:
            iteration: Iterations done so far.
        """
        now = monotonic()
        waited, step = now - self._since, now - self._asked
        self._asked = now
        if iteration <= self.iteration:
            return False
        cost = self._cost or 0.0
        # If the save waits for another iteration, a kill would cost that one too.
        if waited + step + cost >= LONGEST:
            return True
        if self.share is not None and cost > self.share * waited:
            return False
        wait = self.seconds if self._cost is not None else min(FIRST, self.seconds)
        return iteration - self.iteration >= self.interval or waited >= wait

    @contextmanager
    def saving(self, iteration: int) -> Iterator[None]:
        """Measure the time of a save inside a ``with`` block.

        Args:
            iteration: Iteration of the saved state.
        """
        begun = monotonic()
        yield
        self.iteration = iteration
        # Work done while the state is written is not part of it.
        self._since = begun
        self._asked = monotonic()
        self._cost = self._asked - begun
