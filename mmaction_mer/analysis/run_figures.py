"""The figures of a run in its folder ``figures``, with their captions.

``figures.json`` has the caption of each file and the hash of the predictions from which
it was drawn, so that outdated figures are recognized.
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
# Maximum size of a figure in bytes; usual are some hundred thousand.
_MAX_FIGURE = 1 << 26
_PNG = b'\x89PNG\r\n\x1a\n'


def run_hash(runs: Iterable[StoredRun]) -> str:
    """Return a hash of the predictions of a run, over all seeds and folds."""
    digest = hashlib.blake2b(digest_size=16)
    for run in runs:
        content = [run.seed, sorted(run.folds.items())]
        digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()


def record_figures(
    folder: Path, runs: Iterable[StoredRun], new: Mapping[str, str]
) -> None:
    """Record captions and predictions of new figures, keeping those of the others.

    Args:
        folder: Folder with the figures.
        runs: The seeds from which they were drawn.
        new: Caption by file name.
    """
    try:
        index = read_object(folder / INDEX)
    except (FileNotFoundError, ValueError):
        index = {}
    of = run_hash(runs)
    index |= {name: dict(caption=caption, of=of) for name, caption in new.items()}
    kept = {name: one for name, one in index.items() if (folder / name).is_file()}
    write_json(folder / INDEX, kept)


def read_figures(
    work_dir: Path, runs: Iterable[StoredRun]
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Read the PNG figures that were drawn from the present predictions of a run.

    Args:
        work_dir: Work directory of the run.
        runs: Its seeds.

    Returns:
        Caption and content of each figure, and a note on those that are left out.
    """
    folder = work_dir / FOLDER
    if not (folder / INDEX).is_file():
        return [], []
    remedy = 'draw the figures again with tools/analysis/visualize.py'
    try:
        index = read_object(folder / INDEX)
        of = run_hash(runs)
        figures, stale = [], []
        for name, one in index.items():
            if Path(name).name != name or not name.endswith('.png'):
                continue
            if one['of'] != of:
                stale.append(name)
                continue
            content = read_regular(folder / name, _MAX_FIGURE)
            if not content.startswith(_PNG):
                raise MERRunError('is not a PNG file', path=name)
            figures.append((str(one['caption']), content))
    except (OSError, ValueError, KeyError, TypeError, MERRunError) as error:
        return [], [f'{FOLDER}/{INDEX} or a figure cannot be read ({error}): {remedy}.']
    if stale:
        names = ', '.join(stale)
        return figures, [
            f'Figures left out, since the predictions of the run have changed after '
            f'they were drawn: {names}; {remedy}.'
        ]
    return figures, []
