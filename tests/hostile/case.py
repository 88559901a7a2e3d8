"""Descriptions of hostile files, and the folder of the corpus."""

import json
import os
import re
import shutil
import socket
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

#: Kinds of input of the entry points, see ``entries.py``. ``pickle`` is a file that
#: ``torch.load`` itself must reject. Named pipes and large ``bytearray`` objects, which
#: it accepts, are not of this kind.
KINDS = (
    'packed', 'weights', 'picture', 'video', 'annotation', 'sheet', 'store', 'run',
    'pickle', 'probe',
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: ``family/what``.
        path: The file, relative to the corpus. For a run or a cache it is a folder,
            whose files replace those of a sound one.
        kinds: Kinds of input that it is used as; the first is the intended one.
        plants: A description of its payload.
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
        """The name, converted to a file name."""
        return slug(self.name)


def slug(name: str) -> str:
    """Convert a name to a file name."""
    return re.sub(r'[^A-Za-z0-9_.-]+', '-', name)


class Corpus:
    """The folder of the hostile files.

    Args:
        root: The folder.
        port: A port of this machine on which connections are counted.
    """

    def __init__(self, root: Path, port: int = 9) -> None:
        self.root, self.port = root, port
        self.cases: list[Case] = []
        for name in ('markers', 'secrets', 'files'):
            (root / name).mkdir(parents=True, exist_ok=True)

    def new(
        self, name: str, file: str, kinds: str | tuple[str, ...], plants: str
    ) -> Path:
        """Register a file, and return the path to write.

        Args:
            name: Name of the case, ``family/what``.
            file: Name of the file.
            kinds: See :class:`Case`.
            plants: See :class:`Case`.
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
        """Return the path of the file that a payload creates."""
        return str(self.root / 'markers' / slug(name))

    def secret(self, name: str) -> str:
        """Create a file that no program has a reason to open."""
        path = self.root / 'secrets' / f'{slug(name)}.txt'
        path.write_text('A SECRET\n' * 100)
        return str(path)

    def url(self, name: str) -> str:
        """Return a URL of this machine that no program has a reason to open."""
        return f'http://127.0.0.1:{self.port}/{slug(name)}'

    def finish(self) -> None:
        """Write the list of cases."""
        told = [asdict(case) for case in self.cases]
        (self.root / 'corpus.json').write_text(json.dumps(told, indent=1))


def place(source: Path, target: Path) -> None:
    """Copy a file of any kind, or a folder."""
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
        os.link(source, target)  # these are not written to
    else:
        shutil.copyfile(source, target)


def listen(path: Path) -> None:
    """Create a socket in the file system; its name may be long."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)
