"""Names of processes by which others can tell whether they still run."""

import functools
import hashlib
import os
from pathlib import Path

#: What a tag looks like, as a regular expression.
TAG = r'[0-9a-f]{8}-\d+-\d+'


def process_tag() -> str:
    """Return a name for this process that no other one has, here or elsewhere.

    Returns:
        ``<machine>-<number>-<start>``, with letters, digits and dashes only.

    >>> import re
    >>> re.fullmatch(TAG, process_tag()) is not None, process_is_gone(process_tag())
    (True, False)
    """
    number = os.getpid()
    return f'{_machine()}-{number}-{_start(number) or 0}'


def process_is_gone(tag: str) -> bool:
    """Tell whether a process has surely ended.

    Args:
        tag: What :func:`process_tag` returned in that process.

    Returns:
        False where it runs, and where it is of another machine: nobody can say.
    """
    machine, number, start = tag.split('-')
    if machine != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # somebody else's
    # Numbers are given again; and one that was killed keeps its number until it is
    # waited for, but writes nothing any more.
    return start != '0' and _start(int(number)) != start


def on_this_machine(tag: str) -> bool:
    """Tell whether a process runs, or ran, where this one does."""
    return tag.split('-')[0] == _machine()


@functools.cache
def _machine() -> str:
    """Name a machine since its last start; containers have numbers of their own."""
    facts = [os.uname().nodename]
    for path in ('/proc/sys/kernel/random/boot_id', '/proc/self/ns/pid'):
        try:
            found = os.readlink(path) if 'ns' in path else Path(path).read_text()
        except OSError:
            found = ''
        facts.append(found.strip())
    return hashlib.blake2b(repr(facts).encode(), digest_size=4).hexdigest()


def _start(number: int) -> str | None:
    """Return when a process started, in ticks; None where it runs no more.

    Where the system does not tell, it is None for every process.
    """
    try:
        text = Path(f'/proc/{number}/stat').read_text(errors='replace')
    except OSError:
        return None
    # The name, in brackets, may hold anything.
    state, *fields = text.rpartition(')')[2].split()
    return None if state in 'ZX' else fields[18]
