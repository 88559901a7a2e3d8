"""Names of the files of a run, and the commands that go on with one."""

import re
import shlex
from pathlib import Path

CONFIG, PLAN, RESULTS = 'config.py', 'loso.json', 'results.json'
FOLDS = 'folds'
_SEED_FOLDER = re.compile(r'seed(\d+)')


def seed_folders(work_dir: str | Path) -> dict[int, Path]:
    """List the folders ``seed<k>`` of a work directory by their seed, sorted."""
    found = {}
    for path in Path(work_dir).glob('seed*'):
        name = _SEED_FOLDER.fullmatch(path.name)
        if name and path.is_dir():
            found[int(name[1])] = path
    return dict(sorted(found.items()))


def resume_command(run: Path) -> str:
    """Return the command that resumes a run; empty if it has no config.

    Args:
        run: Its work directory; for a run over several seeds, that of any seed.
    """
    config = run / CONFIG
    if not config.is_file():
        return ''
    command = ['tools/train.py', str(config), '--work-dir', str(run), '--resume']
    # The work directory of a run over several seeds is the folder above.
    if _SEED_FOLDER.fullmatch(run.name) and (run.parent / '.lock').exists():
        begun = (
            str(seed)
            for seed, folder in seed_folders(run.parent).items()
            if (folder / PLAN).exists()
        )
        command[3:4] = [str(run.parent), '--seeds', *begun]
    return f'python {shlex.join(command)}'


def repair_hint(fold: Path) -> str:
    """Return how a finished fold with damaged files is repaired.

    Args:
        fold: The folder of the fold.
    """
    run = fold.parent.parent
    if command := resume_command(run):
        return (
            f'to score this fold again, or train it again if its model.pth is damaged '
            f'too, and pool the run again:  {command}'
        )
    return (
        f'{run / CONFIG} does not exist, so that the fold cannot be repaired here: '
        f'copy it again from where it was trained, or repeat the predictions'
    )
