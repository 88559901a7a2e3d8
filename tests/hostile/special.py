"""What is no regular file, or one without an end, in the place of every file."""

import os
from pathlib import Path

from .case import Corpus, listen

FILES = ('weights', 'picture', 'video', 'annotation', 'sheet')


def write_special(path: Path, what: str, secret: str) -> None:
    """Make one of them."""
    if what == 'fifo':
        os.mkfifo(path)
    elif what == 'socket':
        listen(path)
    elif what == 'endless':
        path.symlink_to('/dev/zero')
    elif what == 'waits':
        path.symlink_to('/dev/ptmx')
    elif what == 'sparse':
        with path.open('wb') as file:
            file.truncate(40 << 30)
    elif what == 'loop':
        path.symlink_to(path.name)
    elif what == 'dangling':
        path.symlink_to('nowhere')
    elif what == 'outside':
        path.symlink_to(secret)
    elif what == 'folder':
        path.mkdir()
        (path / 'inside').write_text('x')


SPECIAL = ('fifo', 'socket', 'endless', 'waits', 'sparse', 'loop', 'dangling',
           'outside', 'folder')  # fmt: skip


def write(corpus: Corpus) -> None:
    """Write the family."""
    for what in SPECIAL:
        name = f'special/{what}'
        path = corpus.new(name, 'file', FILES, 'waits or has no end')
        # Links of the user may be followed, but reading must end.
        write_special(path, what, '/etc/hostname')
