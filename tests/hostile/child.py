"""Run of an entry point with one file, in a monitored process."""

import json
import os
import resource
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from .entries import Entry, start

#: Maximum address space in addition to that of the fork, in bytes.
MOST = 6 << 30
PLANTED = ('evil_module', 'evil_package')
#: Audit events of changes in the file system.
_WRITES = ('os.remove', 'os.rename', 'os.mkdir', 'os.rmdir', 'os.symlink', 'os.link',
           'os.truncate', 'os.chmod', 'shutil.rmtree', 'os.mkfifo')  # fmt: skip
_CALLS = ('subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn', 'os.spawn',
          'os.startfile', 'pty.spawn', 'ctypes.dlopen', 'urllib.Request',
          'webbrowser.open',
          'socket.getaddrinfo', 'socket.gethostbyname', 'socket.bind')  # fmt: skip


def become(
    entry: Entry, file: Path | None, scratch: Path, sound: Path, watched: Path
) -> None:
    """Run an entry point; does not return.

    Args:
        entry: The entry point.
        file: The hostile file, None for the sound one.
        scratch: A folder for this process only.
        sound: The sound material.
        watched: The corpus, which must not be read or written.
    """
    status = 70
    try:
        os.setsid()
        here = scratch / 'cwd'
        here.mkdir()
        for number, name in ((1, 'stdout'), (2, 'stderr')):
            handle = os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
            os.close(handle)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        sys.stdin = open(0, closefd=False)
        sys.stdout = open(1, 'w', buffering=1, closefd=False, encoding='utf-8')
        sys.stderr = open(2, 'w', buffering=1, closefd=False, encoding='utf-8')
        write_evil(here, watched)
        os.chdir(here)
        sys.path.insert(0, str(here))
        home = scratch / 'home'
        home.mkdir()
        os.environ.update(HOME=str(home), TORCH_HOME=str(home), TMPDIR=str(home),
                          XDG_CACHE_HOME=str(home))  # fmt: skip
        import tempfile

        tempfile.tempdir = None
        argv = entry.stage(file, scratch, sound)
        record = os.open(scratch / 'audit', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        watch(record, scratch, watched)
        size, resident = memory()
        resource.setrlimit(resource.RLIMIT_AS, (size + MOST, size + MOST))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
        (scratch / 'began').write_text(json.dumps(resident))
        try:
            status = start(entry, argv) or 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        threading._shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        status = 71
    finally:
        os._exit(status & 255)


def memory() -> tuple[int, int]:
    """Return virtual and resident size in bytes, and reset the peak."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        pass  # the peak then includes that of the parent
    pages = Path('/proc/self/statm').read_text().split()
    return int(pages[0]) * 4096, int(pages[1]) * 4096


def write_evil(here: Path, watched: Path) -> None:
    """Write modules into the working directory that record that they are imported."""
    marker = watched / 'markers' / f'imported-{here.parent.name}'
    code = f'open({str(marker)!r}, "w").close()\n'
    code += 'class Evil:\n    def __init__(self, *a, **k):\n        pass\n'
    (here / 'evil_module.py').write_text(code)
    (here / 'evil_package').mkdir()
    (here / 'evil_package' / '__init__.py').write_text(code)
    (here / 'evil_package' / 'inside.py').write_text(code)


def watch(record: int, scratch: Path, watched: Path) -> None:
    """Record from now on all events that no file may cause."""
    inside = (str(scratch), '/dev/null', '/dev/shm', '/proc/self')
    secret = str(watched / 'secrets')
    busy = threading.local()

    def outside(path: Any) -> bool:
        if isinstance(path, int) or path is None:
            return False
        text = os.fsdecode(path)
        full = os.path.normpath(os.path.join(os.getcwd(), text))
        return not full.startswith(inside) and '__pycache__' not in full

    def told(event: str, given: tuple) -> str | None:
        if event == 'import' and given[0].partition('.')[0] in PLANTED:
            return given[0]
        if event == 'open':
            path, mode, flags = given
            if isinstance(path, str | bytes) and os.fsdecode(path).startswith(secret):
                return os.fsdecode(path)
            writes = isinstance(mode, str) and set(mode) & set('wax+')
            writes = writes or (flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            return f'writes {path}' if writes and outside(path) else None
        if event in _WRITES:
            paths = [one for one in given[:2] if isinstance(one, str | bytes)]
            return str(paths) if any(map(outside, paths)) else None
        if event == 'socket.connect':
            address = given[1]
            return str(address) if isinstance(address, tuple) else None
        if event in _CALLS:
            return str([os.fsdecode(one) if isinstance(one, bytes) else one
                        for one in given[:2]])[:300]  # fmt: skip
        return None

    def hook(event: str, given: tuple) -> None:
        if getattr(busy, 'now', False):
            return
        busy.now = True
        try:
            if (text := told(event, given)) is not None:
                line = json.dumps([event, text[:300]]) + '\n'
                os.write(record, line.encode('utf-8', 'replace'))
        except Exception as error:
            os.write(record, (json.dumps(['hook', repr(error)]) + '\n').encode())
        finally:
            busy.now = False

    sys.addaudithook(hook)
