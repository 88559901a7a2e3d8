"""Classification of unknown classes in checkpoints, for error messages."""

import sys

#: Packages whose classes start programs, open files or URLs, or call their arguments.
#: No message advises to allow them.
ACTING = frozenset(
    """
    builtins code codecs concurrent ctypes distutils fileinput ftplib functools http
    importlib io logging mailbox multiprocessing nt operator os pdb pickle pip pkgutil
    posix pty runpy setuptools shelve shutil smtplib socket socketserver sqlite3 ssl
    subprocess sys tarfile tempfile threading timeit torch types urllib webbrowser
    xmlrpc zipfile zipimport
    """.split()
)


def may_be_data(name: str) -> bool:
    """Return whether a name may be that of a class that only stores values.

    No module is imported: a name in a module that has not been imported counts as a
    class if it starts with a capital letter.

    >>> may_be_data('fractions.Fraction'), may_be_data('subprocess.Popen')
    (True, False)
    """
    module, _, own = name.rpartition('.')
    words = name.split('.')
    if words[0] in ACTING or not all(word.isidentifier() for word in words):
        return False
    found = getattr(sys.modules.get(module), own, None)
    return own[:1].isupper() if found is None else isinstance(found, type)


def line_to_allow(name: str) -> str:
    """Return the line of Python that allows a class in checkpoints.

    >>> line_to_allow('uuid.UUID')
    'import torch, uuid; torch.serialization.add_safe_globals([uuid.UUID])'
    """
    module = name.rpartition('.')[0]
    return f'import torch, {module}; torch.serialization.add_safe_globals([{name}])'
