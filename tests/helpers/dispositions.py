"""Reset what a process inherits: signal handlers, launcher variables, the umask."""

import os
import signal
import threading

# A background job of a script ignores SIGINT, one under nohup SIGHUP; with SIGCHLD
# ignored the exit status of a child is lost.
HANDLERS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGCHLD: signal.SIG_DFL,
}
# By these a launcher tells a process its rank.
LAUNCHERS = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
PREFIXES = ('SLURM_', 'OMPI_', 'TORCHELASTIC_', 'PMI_')
# These change what is printed.
SHOWN = ('COLUMNS', 'LINES', 'FORCE_COLOR', 'NO_COLOR', 'PYTHONWARNINGS')


def restore() -> None:
    """Restore the defaults for which the tests are written."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in HANDLERS.items():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLERS)
    for name in list(os.environ):
        if name in LAUNCHERS + SHOWN or name.startswith(PREFIXES):
            del os.environ[name]
    os.umask(0o022)
