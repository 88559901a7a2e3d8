"""Import the package once, and fork for every Python that a command starts.

    python -m docs_check.fork_server SOCKET

A child gets files 0 to 2, folder, environment and words of whoever asked
(``bin/python``) and is from then on a process like the one that ``python`` would have
started: its own group, its exit status, signals; it ends when whoever asked is gone.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from types import ModuleType


def serve(path: str) -> None:
    """Answer for ever."""
    import matplotlib.pyplot  # noqa: F401
    import scipy.signal  # noqa: F401
    import torch

    import mmaction_mer  # noqa: F401
    import mmaction_mer.visualization  # noqa: F401

    torch.set_num_threads(1)
    signal.signal(signal.SIGCHLD, reap)
    gc.collect()
    gc.freeze()
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(64)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            answer(connection)
        connection.close()


def reap(*_: object) -> None:
    """Wait for children that have ended, so that their time is counted as ours."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def answer(connection: socket.socket) -> None:
    """Become what was asked for; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    status = 1
    try:
        length, files, *_ = socket.recv_fds(connection, 8, 3)
        left = int.from_bytes(length, 'big')
        request = b''
        while len(request) < left:
            request += connection.recv(left - len(request))
        words, folder, environment = json.loads(request)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.executable = environment.get('DOCS_CHECK_PYTHON', sys.executable)
        sys.stdin = open(0, closefd=False)
        sys.stdout = open(1, 'w', buffering=1, closefd=False)
        sys.stderr = open(2, 'w', buffering=1, closefd=False)
        threading.Thread(target=listen, args=(connection,), daemon=True).start()
        status = exit_status(words)
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            connection.sendall(bytes([status & 255]))
        finally:
            os._exit(status & 255)


def listen(connection: socket.socket) -> None:
    """Take signals for this process; end with whoever asked for it."""
    while number := connection.recv(1):
        os.kill(os.getpid(), number[0])
    os.killpg(0, signal.SIGKILL)


def exit_status(words: list[str]) -> int:
    """Run a script or a module and say how it went."""
    try:
        if words[0] == '-m':
            sys.argv = words[1:]
            sys.path[0] = os.getcwd()
            runpy.run_module(words[1], run_name='__main__', alter_sys=True)
        else:
            sys.argv = words
            sys.path[0] = os.path.dirname(os.path.abspath(words[0]))
            main = sys.modules['__main__'] = ModuleType('__main__')
            main.__file__ = words[0]
            main.__builtins__ = __builtins__
            with open(words[0], 'rb') as file:
                exec(compile(file.read(), words[0], 'exec'), main.__dict__)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == '__main__':
    serve(sys.argv[1])
