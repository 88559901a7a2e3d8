"""What a process takes over from who started it, set to what tests are written for."""

import os
import signal
import threading

# A job in the background of a script is started deaf to Ctrl-C, one under nohup to
# SIGHUP, and with SIGCHLD ignored nobody learns how a child ended.
HEARD = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGCHLD: signal.SIG_DFL,
}
# By these a launcher tells a process that it is one of several.
LAUNCHERS = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
PREFIXES = ('SLURM_', 'OMPI_', 'TORCHELASTIC_', 'PMI_')
# Widths and colours of what is printed, and where a default is taken from.
SHOWN = ('COLUMNS', 'LINES', 'FORCE_COLOR', 'NO_COLOR', 'PYTHONWARNINGS')


def restore() -> None:
    """Hear the signals, and see no launcher, no terminal and no private umask."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in HEARD.items():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
    for name in list(os.environ):
        if name in LAUNCHERS + SHOWN or name.startswith(PREFIXES):
            del os.environ[name]
    os.umask(0o022)
