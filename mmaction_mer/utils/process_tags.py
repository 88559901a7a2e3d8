"""Unique names of processes, from which others can find out whether they run."""

import functools
import hashlib
import os
from pathlib import Path

#: Regular expression of a tag.
TAG = r'[0-9a-f]{8}-\d+-\d+'


def process_tag() -> str:
    """Return a name of this process that is unique over time and machines.

    Returns:
        ``<machine>-<process ID>-<start time>``, with letters, digits and dashes only.

    >>> import re
    >>> re.fullmatch(TAG, process_tag()) is not None, has_ended(process_tag())
    (True, False)
    """
    number = os.getpid()
    return f'{_machine()}-{number}-{_start(number) or 0}'


def has_ended(tag: str) -> bool:
    """Return whether a process has certainly ended.

    Args:
        tag: Result of :func:`process_tag` in that process.

    Returns:
        False if the process runs, or if it is on another machine, where this cannot
        be found out.
    """
    machine, number, start = tag.split('-')
    if machine != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # a process of another user
    # IDs are reused, and a killed process keeps its ID until its parent waits for it.
    return start != '0' and _start(int(number)) != start


def is_abandoned(tag: str, age: float, max_age: float) -> bool:
    """Return whether a file of another process is no longer in use.

    Args:
        tag: Tag of the process.
        age: Time since the last modification of the file, in seconds.
        max_age: Age from which a process on another machine counts as ended, in
            seconds.
    """
    elsewhere = tag.split('-')[0] != _machine()
    return has_ended(tag) or (elsewhere and age > max_age)


@functools.cache
def _machine() -> str:
    """Return an ID of this boot of this machine or container."""
    facts = [os.uname().nodename]
    for path in ('/proc/sys/kernel/random/boot_id', '/proc/self/ns/pid'):
        try:
            found = os.readlink(path) if 'ns' in path else Path(path).read_text()
        except OSError:
            found = ''
        facts.append(found.strip())
    return hashlib.blake2b(repr(facts).encode(), digest_size=4).hexdigest()


def _start(number: int) -> str | None:
    """Return the start time of a process in ticks, or None if it does not run.

    On a system without ``/proc`` the result is always None.
    """
    try:
        text = Path(f'/proc/{number}/stat').read_text(errors='replace')
    except OSError:
        return None
    # The name of the program, in parentheses, may contain any character.
    state, *fields = text.rpartition(')')[2].split()
    return None if state in 'ZX' else fields[18]
