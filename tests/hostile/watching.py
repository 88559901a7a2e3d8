"""Monitoring of opened files, connections, and sleeping processes."""

import ctypes
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_OPENED, _READ = 0x20, 0x1


class OpenedFiles:
    """Detects which files of a folder are opened, by any code of this machine.

    An audit hook only reports files opened by Python, not by libav or OpenCV.
    """

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.handle < 0:
            raise OSError(ctypes.get_errno(), 'inotify_init1')
        name = os.fsencode(folder)
        if libc.inotify_add_watch(self.handle, name, _OPENED | _READ) < 0:
            raise OSError(ctypes.get_errno(), 'inotify_add_watch')

    def poll(self) -> set[str]:
        """Return the files opened since the last call."""
        found = set()
        try:
            data = os.read(self.handle, 1 << 16)
        except BlockingIOError:
            return found
        place = 0
        while place < len(data):
            *_, length = struct.unpack_from('iIII', data, place)
            name = data[place + 16 : place + 16 + length].rstrip(b'\0')
            if name:  # of the folder itself there is none
                found.add(os.fsdecode(name))
            place += 16 + length
        return found


class CalledPort:
    """A port of this machine that no program has a reason to connect to."""

    def __init__(self) -> None:
        self.server = socket.create_server(('127.0.0.1', 0))
        self.server.setblocking(False)
        self.number: int = self.server.getsockname()[1]

    def poll(self) -> int:
        """Count the connections since the last call."""
        count = 0
        while True:
            try:
                one, _ = self.server.accept()
            except BlockingIOError:
                return count
            one.close()
            count += 1


@dataclass
class Standing:
    """State of the processes of one session.

    Attributes:
        asleep: Whether all of them sleep. Defaults to True.
        ticks: Total processor time, in clock ticks. Defaults to 0.
    """

    asleep: bool = True
    ticks: int = 0


def standings(sessions: set[int]) -> dict[int, Standing]:
    """Return the state of sessions by their ID."""
    found = {one: Standing() for one in sessions}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            text = Path('/proc', name, 'stat').read_text()
        except OSError:
            continue
        fields = text.rpartition(')')[2].split()
        session = int(fields[3])
        if session not in sessions:
            continue
        one = found[session]
        one.ticks += int(fields[11]) + int(fields[12])
        if fields[0] in 'ZX':
            continue
        one.asleep = one.asleep and fields[0] in 'ST' and _threads_sleep(name)
    return found


def _threads_sleep(process: str) -> bool:
    """Check all threads; the state of a process is that of its first thread."""
    try:
        threads = os.listdir(f'/proc/{process}/task')
        for one in threads:
            text = Path('/proc', process, 'task', one, 'stat').read_text()
            if text.rpartition(')')[2].split()[0] not in 'ST':
                return False
    except OSError:
        return False
    return True
