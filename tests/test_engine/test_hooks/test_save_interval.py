"""When states are saved: by iterations, by seconds, and by the cost of saving."""

import itertools

import pytest

from mmaction_mer.engine.hooks import save_interval as saving
from mmaction_mer.engine.hooks.save_interval import SaveTimer


class Session:
    """A training with its own clock: steps and saves of known length."""

    def __init__(self, monkeypatch, step, cost, **settings):
        self.now, self.done, self.step, self.cost = 0.0, 0, step, cost
        monkeypatch.setattr(saving, 'monotonic', lambda: self.now)
        defaults = dict(interval=10**9, seconds=30.0, share=0.05)
        self.timer = SaveTimer(**{**defaults, **settings})
        self.timer.start(0)
        # When states were taken, when they were written, and at which iteration.
        self.taken, self.whole, self.at = [0.0], [0.0], [0]

    def train(self, seconds):
        """Train; return the most seconds that a kill at any moment would have cost."""
        end, most = self.now + seconds, 0.0
        while self.now < end:
            if self.timer.due(self.done):
                begun = self.now
                with self.timer.saving(self.done):
                    self.now += self.cost
                # Until now only the state before was complete.
                most = max(most, self.now - self.taken[-1])
                self.taken.append(begun)
                self.whole.append(self.now)
                self.at.append(self.done)
            self.now += self.step
            self.done += 1
            most = max(most, self.now - self.taken[-1])
        return most

    @property
    def share(self):
        return (len(self.at) - 1) * self.cost / self.now


@pytest.mark.parametrize(
    ('step', 'cost'),
    [*itertools.product([0.004, 0.3, 1.1, 7, 20], [0.0, 0.01, 0.3, 1.4, 2.0])],
)
def test_no_kill_costs_a_minute_and_saving_a_twentieth_at_most(step, cost, monkeypatch):
    session = Session(monkeypatch, step, cost)
    assert session.train(1200) <= 60
    # The first save of a session comes before its cost is known.
    assert session.share <= 0.05 + cost / 1200
    # Cheap saves are not made all the time either.
    assert len(session.at) - 1 <= 1200 / 30 + 2


@pytest.mark.parametrize('step', [0.3, 20])
def test_a_minute_takes_precedence_over_the_share(step, monkeypatch):
    session = Session(monkeypatch, step, 8.0)
    assert session.train(1200) <= 60
    assert 0.05 < session.share < 0.3


def test_steps_longer_than_a_minute_are_saved_one_by_one(monkeypatch):
    session = Session(monkeypatch, 90.0, 1.0)
    session.train(900)
    assert session.at == [*range(len(session.at))]


@pytest.mark.parametrize('step', [0.1, 1.5, 6])
def test_a_session_of_seconds_leaves_something(step, monkeypatch):
    session = Session(monkeypatch, step, 0.05)
    session.train(12)
    assert len(session.at) > 1 and session.whole[1] < 3 + 2 * step


def test_an_interval_in_iterations_as_far_as_the_share_allows(monkeypatch):
    often = Session(monkeypatch, 0.1, 0.01, interval=20)
    often.train(20)
    assert often.at == list(range(0, often.at[-1] + 1, 20))
    dear = Session(monkeypatch, 0.1, 1.0, interval=20)
    dear.train(200)
    assert dear.at[:2] == [0, 20] and dear.at[2] >= 200
    assert dear.share <= 0.05 + 1 / 200
    at_any_cost = Session(monkeypatch, 0.1, 1.0, interval=20, share=None)
    at_any_cost.train(20)
    assert at_any_cost.at == list(range(0, at_any_cost.at[-1] + 1, 20))


def test_an_unchanged_state_is_not_saved(monkeypatch):
    session = Session(monkeypatch, 0.1, 0.01)
    session.now += 1000
    assert not session.timer.due(0)
    session.timer.start(7)
    session.now += 1000
    assert not session.timer.due(7) and session.timer.due(8)
