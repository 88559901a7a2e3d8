"""The figures of a run: files in its folder ``figures``, and what they were drawn of.

``figures.json`` says of each file its caption and the hash of the predictions that the
run had when it was drawn, so that no picture of an older run is taken for one of it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..engine.work_dir.json_fields import read_object
from ..engine.work_dir.stored_run import StoredRun
from ..utils.errors import MERRunError
from ..utils.files import read_regular
from ..utils.json_files import write_json

FOLDER, INDEX = 'figures', 'figures.json'
#: Bytes of a figure, at most; they have some hundred thousand.
_MAX_FIGURE = 1 << 26
_PNG = b'\x89PNG\r\n\x1a\n'


def run_hash(runs: Iterable[StoredRun]) -> str:
    """Hash what a run says of its clips, over all its seeds and folds."""
    digest = hashlib.blake2b(digest_size=16)
    for run in runs:
        content = [run.seed, sorted(run.folds.items())]
        digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()


def note_figures(
    folder: Path, runs: Iterable[StoredRun], new: Mapping[str, str]
) -> None:
    """Write down what figures in a folder are of, keeping what is noted of others.

    Args:
        folder: The folder, with the figures in it.
        runs: The seeds that they were drawn of.
        new: Caption by file name.
    """
    try:
        noted = read_object(folder / INDEX)
    except (FileNotFoundError, ValueError):
        noted = {}
    of = run_hash(runs)
    noted |= {name: dict(caption=caption, of=of) for name, caption in new.items()}
    there = {name: one for name, one in noted.items() if (folder / name).is_file()}
    write_json(folder / INDEX, there)


def read_figures(
    work_dir: Path, runs: Iterable[StoredRun]
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Read the PNG figures of a run that belong to what it says now.

    Args:
        work_dir: The work directory.
        runs: Its seeds.

    Returns:
        Caption and file of each figure, and a sentence on each that is left out.
    """
    folder = work_dir / FOLDER
    if not (folder / INDEX).is_file():
        return [], []
    remedy = 'draw the figures again with tools/analysis/visualize.py'
    try:
        noted = read_object(folder / INDEX)
        of = run_hash(runs)
        figures, stale = [], []
        for name, one in noted.items():
            if Path(name).name != name or not name.endswith('.png'):
                continue
            if one['of'] != of:
                stale.append(name)
                continue
            content = read_regular(folder / name, _MAX_FIGURE)
            if not content.startswith(_PNG):
                raise MERRunError(f'{name} is not a PNG file')
            figures.append((str(one['caption']), content))
    except (OSError, ValueError, KeyError, TypeError, MERRunError) as error:
        return [], [f'{FOLDER}/{INDEX} or a figure cannot be read ({error}): {remedy}.']
    if stale:
        names = ', '.join(stale)
        return figures, [
            f'Left out, since the run has other predictions than when they were drawn: '
            f'{names}; {remedy}.'
        ]
    return figures, []
