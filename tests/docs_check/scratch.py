"""A copy of the working tree, in which a command finds all that it needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Read by tools/dist_*.sh and tools/slurm_*.sh.
SETTINGS = dict(
    GPUS='2', GPUS_PER_NODE='0', TASKS='2', GPUS_PER_TASK='0', CPUS_PER_TASK='1'
)


def tracked_files(root: Path) -> list[str]:
    """Files that git knows or would know, in order."""
    done = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted({name for name in done.stdout.split('\0') if name})


def copy_tree(root: Path, out: Path, names: list[str]) -> Path:
    """Copy the files, and make a ``.venv`` of links to the real one's programs.

    Its ``python`` is ``bin/python`` of this folder, so that ``make``, too, runs small.
    """
    for name in names:
        target = out / name
        if (root / name).is_file():  # not deleted meanwhile
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)
    programs = out / '.venv/bin'
    programs.mkdir(parents=True)
    for path in Path(sys.executable).parent.iterdir():
        if not path.name.startswith(('python', 'activate', 'Activate')):
            (programs / path.name).symlink_to(path)
    text = (HERE / 'bin/python').read_text().replace('@PYTHON@', sys.executable)
    for name in ('python', 'python3'):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (programs / 'activate').write_text('export PATH="$PWD/.venv/bin:$PATH"\n')
    (out / '.venv/.installed').touch()
    return out


def environment(scratch: Path, socket: Path) -> dict[str, str]:
    """The environment of every command that runs in a scratch copy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ('VIRTUAL_ENV', 'PYTHONHOME', 'MAKEFLAGS', 'MAKELEVEL')
    }
    python = str(scratch / '.venv/bin/python')
    return kept | SETTINGS | dict(
        PATH=f'{scratch}/.venv/bin:{HERE / "slurm"}:{os.environ["PATH"]}',
        PYTHONPATH=f'{HERE / "hook"}:{scratch}',
        DOCS_CHECK_SOCKET=str(socket),
        DOCS_CHECK_PYTHON=python,
        PYTHON_EXEC=python,  # torchrun's workers
        PYTHONUNBUFFERED='1',
        OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='',
        MPLBACKEND='Agg',
        GRADIO_ANALYTICS_ENABLED='False',
    )  # fmt: skip
