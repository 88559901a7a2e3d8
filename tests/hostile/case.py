"""What a hostile file is to the harness, and the folder that all of them lie in."""

import json
import os
import re
import shutil
import socket
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

#: What a file may be given as; see ``entries.py``. ``pickle`` is what ``torch.load``
#: itself must refuse: it opens pipes, and allows a ``bytearray`` of any length.
KINDS = (
    'packed', 'weights', 'picture', 'video', 'annotation', 'sheet', 'store', 'run',
    'pickle', 'probe',
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: ``family/what``.
        path: The file, below the corpus. Of a run or a store it is a folder, whose
            files are laid over a sound one.
        kinds: What it can be given as, first what it is meant to be.
        plants: What it would do, in words.
    """

    name: str
    path: str
    kinds: tuple[str, ...]
    plants: str

    @property
    def family(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition('/')[0]

    @property
    def slug(self) -> str:
        """The name as that of a file."""
        return slug(self.name)


def slug(name: str) -> str:
    """Write a name so that it can be one of a file."""
    return re.sub(r'[^A-Za-z0-9_.-]+', '-', name)


class Corpus:
    """The folder that hostile files are written into.

    Args:
        root: The folder.
        port: A port of this machine on which somebody notes who calls.
    """

    def __init__(self, root: Path, port: int = 9) -> None:
        self.root, self.port = root, port
        self.cases: list[Case] = []
        for name in ('markers', 'secrets', 'files'):
            (root / name).mkdir(parents=True, exist_ok=True)

    def new(
        self, name: str, file: str, kinds: str | tuple[str, ...], plants: str
    ) -> Path:
        """Register a file, and say where to write it.

        Args:
            name: Its name, ``family/what``.
            file: How the file itself is called.
            kinds: What it can be given as.
            plants: What it would do.
        """
        kinds = (kinds,) if isinstance(kinds, str) else kinds
        assert set(kinds) <= set(KINDS), kinds
        assert name not in {case.name for case in self.cases}, name
        path = self.root / 'files' / slug(name) / file
        path.parent.mkdir(parents=True)
        relative = str(path.relative_to(self.root))
        self.cases.append(Case(name, relative, kinds, plants))
        return path

    def marker(self, name: str) -> str:
        """Name the file that a planted call creates."""
        return str(self.root / 'markers' / slug(name))

    def secret(self, name: str) -> str:
        """Make a file that nobody has a reason to open."""
        path = self.root / 'secrets' / f'{slug(name)}.txt'
        path.write_text('A SECRET\n' * 100)
        return str(path)

    def url(self, name: str) -> str:
        """Name an address of this machine that nobody has a reason to call."""
        return f'http://127.0.0.1:{self.port}/{slug(name)}'

    def finish(self) -> None:
        """Write down what there is."""
        told = [asdict(case) for case in self.cases]
        (self.root / 'corpus.json').write_text(json.dumps(told, indent=1))


def place(source: Path, target: Path) -> None:
    """Put a file or a folder at another place, whatever kind of file it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = source.lstat().st_mode
    if stat.S_ISDIR(mode):
        if target.is_symlink() or target.is_file():
            target.unlink()
        target.mkdir(exist_ok=True)
        for one in source.iterdir():
            place(one, target / one.name)
        return
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    if stat.S_ISLNK(mode):
        target.symlink_to(os.readlink(source))
    elif stat.S_ISFIFO(mode):
        os.mkfifo(target)
    elif stat.S_ISSOCK(mode):
        listen(target)
    elif source.stat().st_size > 1 << 20:
        os.link(source, target)  # nobody writes into these
    else:
        shutil.copyfile(source, target)


def listen(path: Path) -> None:
    """Make a socket in the file system; its name may be long."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)
