"""When states are saved: by iterations, by seconds, and by what saving takes."""

import itertools

import pytest

from mmaction_mer.engine.hooks import save_interval as saving
from mmaction_mer.engine.hooks.save_interval import SavingClock


class Sitting:
    """A training on a clock of its own: steps and saves of known length."""

    def __init__(self, monkeypatch, step, cost, **settings):
        self.now, self.done, self.step, self.cost = 0.0, 0, step, cost
        monkeypatch.setattr(saving, 'monotonic', lambda: self.now)
        defaults = dict(interval=10**9, seconds=30.0, share=0.05)
        self.clock = SavingClock(**{**defaults, **settings})
        self.clock.start(0)
        # Where states were taken, and when each of them was whole.
        self.taken, self.whole, self.at = [0.0], [0.0], [0]

    def train(self, seconds):
        """Train so long; gives the most that a kill at any moment would have lost."""
        end, most = self.now + seconds, 0.0
        while self.now < end:
            if self.clock.due(self.done):
                begun = self.now
                with self.clock.saving(self.done):
                    self.now += self.cost
                # Until a moment ago the state before was all there is.
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
    sitting = Sitting(monkeypatch, step, cost)
    assert sitting.train(1200) <= 60
    # The first save of a sitting comes before anybody knows what it costs.
    assert sitting.share <= 0.05 + cost / 1200
    # What is cheap is not done all the time either.
    assert len(sitting.at) - 1 <= 1200 / 30 + 2


@pytest.mark.parametrize('step', [0.3, 20])
def test_a_minute_counts_for_more_than_the_share(step, monkeypatch):
    sitting = Sitting(monkeypatch, step, 8.0)
    assert sitting.train(1200) <= 60
    assert 0.05 < sitting.share < 0.3


def test_steps_longer_than_a_minute_are_saved_one_by_one(monkeypatch):
    sitting = Sitting(monkeypatch, 90.0, 1.0)
    sitting.train(900)
    assert sitting.at == [*range(len(sitting.at))]


@pytest.mark.parametrize('step', [0.1, 1.5, 6])
def test_a_sitting_of_seconds_leaves_something(step, monkeypatch):
    sitting = Sitting(monkeypatch, step, 0.05)
    sitting.train(12)
    assert len(sitting.at) > 1 and sitting.whole[1] < 3 + 2 * step


def test_an_interval_in_iterations_as_far_as_the_share_allows(monkeypatch):
    often = Sitting(monkeypatch, 0.1, 0.01, interval=20)
    often.train(20)
    assert often.at == list(range(0, often.at[-1] + 1, 20))
    dear = Sitting(monkeypatch, 0.1, 1.0, interval=20)
    dear.train(200)
    assert dear.at[:2] == [0, 20] and dear.at[2] >= 200
    assert dear.share <= 0.05 + 1 / 200
    at_any_cost = Sitting(monkeypatch, 0.1, 1.0, interval=20, share=None)
    at_any_cost.train(20)
    assert at_any_cost.at == list(range(0, at_any_cost.at[-1] + 1, 20))


def test_nothing_new_is_not_saved(monkeypatch):
    sitting = Sitting(monkeypatch, 0.1, 0.01)
    sitting.now += 1000
    assert not sitting.clock.due(0)
    sitting.clock.start(7)
    sitting.now += 1000
    assert not sitting.clock.due(7) and sitting.clock.due(8)
