"""Ending in order, whichever signal it is."""

import os
import signal

import pytest

from mmaction_mer.app.exit_signals import exit_on_signals

ENDING = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM',
          'SIGVTALRM', 'SIGXCPU', 'SIGABRT', 'SIGPWR', 'SIGIO', 'SIGRTMIN']  # fmt: skip


def run(before, signals):
    """Status of a process that gets signals, and what it wrote at its end."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            for number, handler in before.items():
                signal.signal(number, handler)
            with exit_on_signals():
                try:
                    os.write(theirs, b'ready ')
                    while True:
                        signal.pause()
                finally:
                    for number in signals[1:]:
                        os.kill(os.getpid(), number)
                    os.write(theirs, b'ended')
        except SystemExit as ending:
            os._exit(ending.code)
        finally:
            os._exit(99)
    os.close(theirs)
    with os.fdopen(ours, 'rb', buffering=0) as said:
        assert said.read(6) == b'ready '
        os.kill(child, signals[0])
        _, status = os.waitpid(child, 0)
        return status, said.read()


@pytest.mark.parametrize('name', ENDING)
def test_every_signal_ends_it_in_order_and_none_breaks_that_off(name):
    number = getattr(signal, name)
    default = {number: signal.SIG_DFL}
    others = [signal.SIGTERM, signal.SIGINT, number]
    assert run(default, [number, *others]) == (0, b'ended')


def test_an_ignored_interrupt_is_heard_and_an_ignored_hangup_is_not():
    ignored = {signal.SIGINT: signal.SIG_IGN, signal.SIGHUP: signal.SIG_IGN}
    assert run(ignored, [signal.SIGINT]) == (0, b'ended')
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with exit_on_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGHUP'])
def test_a_commands_own_ending_gives_the_status_and_no_second_signal_breaks_in(name):
    number = getattr(signal, name)

    def end(one, _):
        signal.signal(one, signal.SIG_DFL)
        raise SystemExit(7)

    status, said = run({number: end}, [number, number, signal.SIGTERM])
    assert (os.waitstatus_to_exitcode(status), said) == (7, b'ended')


def test_what_was_set_before_is_set_again():
    before = {one: signal.getsignal(one) for one in signal.valid_signals()}
    with pytest.raises(KeyError), exit_on_signals():
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
        raise KeyError
    assert {one: signal.getsignal(one) for one in before} == before
