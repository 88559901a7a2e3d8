"""The process cleans up, whichever signal ends it."""

import os
import signal

import pytest

from mmaction_mer.app.exit_signals import exit_on_signals

ENDING = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM',
          'SIGVTALRM', 'SIGXCPU', 'SIGABRT', 'SIGPWR', 'SIGIO', 'SIGRTMIN']  # fmt: skip


def run(before, signals):
    """Return the status of a process that gets signals, and its last output."""
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
    with os.fdopen(ours, 'rb', buffering=0) as output:
        assert output.read(6) == b'ready '
        os.kill(child, signals[0])
        _, status = os.waitpid(child, 0)
        return status, output.read()


@pytest.mark.parametrize('name', ENDING)
def test_every_signal_lets_it_clean_up_and_none_interrupts_that(name):
    number = getattr(signal, name)
    default = {number: signal.SIG_DFL}
    others = [signal.SIGTERM, signal.SIGINT, number]
    assert run(default, [number, *others]) == (0, b'ended')


def test_an_ignored_interrupt_ends_it_and_an_ignored_hangup_does_not():
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
def test_a_handler_of_the_command_sets_the_status(name):
    number = getattr(signal, name)

    def end(one, _):
        signal.signal(one, signal.SIG_DFL)
        raise SystemExit(7)

    status, output = run({number: end}, [number, number, signal.SIGTERM])
    assert (os.waitstatus_to_exitcode(status), output) == (7, b'ended')


def test_handlers_are_restored():
    before = {one: signal.getsignal(one) for one in signal.valid_signals()}
    with pytest.raises(KeyError), exit_on_signals():
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
        raise KeyError
    assert {one: signal.getsignal(one) for one in before} == before
