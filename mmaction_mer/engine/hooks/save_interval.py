"""When a training state is written: by iterations, by time, and by what it costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

# A kill costs no more than so many seconds of work, whatever saving takes.
LONGEST = 60.0
# The first state of a sitting comes early: what a save takes is not known before, and
# starting has cost as much as many iterations.
FIRST = 2.0


class SavingClock:
    """Tell when the next training state is due.

    It is due after ``interval`` iterations or ``seconds``, whichever comes first, but
    not before saving takes less than ``share`` of the time. Where these contradict, the
    work that a kill would cost decides: a state is written before it comes to a minute
    (:data:`LONGEST`), or after the iteration where that takes longer.

    Args:
        interval: Iterations between two saves.
        seconds: Seconds between two saves.
        share: Share of the time that saving may take, such as 0.05; None for any.

    >>> clock = SavingClock(interval=50, seconds=30.0, share=None)
    >>> clock.start(iteration=100)
    >>> clock.due(149), clock.due(150)
    (False, True)
    """

    def __init__(self, interval: int, seconds: float, share: float | None) -> None:
        self.interval = interval
        self.seconds = seconds
        self.share = share
        self.start(0)

    def start(self, iteration: int) -> None:
        """Begin a sitting at an iteration; what came before is on disk or is nothing.

        Args:
            iteration: Iterations done so far.
        """
        self.iteration = iteration
        self._cost: float | None = None
        self._since = self._asked = monotonic()

    def due(self, iteration: int) -> bool:
        """Tell whether to save now; call it before every iteration.

        Args:
            iteration: Iterations done so far.

        Returns:
            Whether a state is due.
        """
        now = monotonic()
        waited, step = now - self._since, now - self._asked
        self._asked = now
        if iteration <= self.iteration:
            return False
        cost = self._cost or 0.0
        # Whoever waits for another iteration has it to lose as well.
        if waited + step + cost >= LONGEST:
            return True
        if self.share is not None and cost > self.share * waited:
            return False
        wait = self.seconds if self._cost is not None else min(FIRST, self.seconds)
        return iteration - self.iteration >= self.interval or waited >= wait

    @contextmanager
    def saving(self, iteration: int) -> Iterator[None]:
        """Measure a save inside a ``with`` block.

        Args:
            iteration: Iterations that the state has behind it.
        """
        begun = monotonic()
        yield
        self.iteration = iteration
        # From when the state was taken: what is done meanwhile is not in it.
        self._since = begun
        self._asked = monotonic()
        self._cost = self._asked - begun
