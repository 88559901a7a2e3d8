"""What a page presupposes: made once, and laid into its copy when a command asks.

A command asks for what it names, and for what the configs that it names read. What it
names after ``--out``, ``--work-dir`` and ``--json`` it makes itself.
"""

import os
import re
import shlex
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

STAND_INS = 'python tests/docs_check/stand_ins.py'
# What is not here is made by itself, or is an error of the page.
PROVIDED = {
    **{
        name: f'{STAND_INS} {name} {name}'
        for name in (
            'CASME2', 'SAMM', 'SMIC_all_cropped', 'MMEW', 'DFEW', 'CK+', 'CASME',
            'FaRL.pth', 'FaRL-Base-Patch16-LAIONFace20M-ep16.pth', 'ViT-B-16.pt',
            'ViT-B-32.pt', 'dinov2_vitb14_pretrain.pth', 'mae_pretrain_vit_base.pth',
            'deit_base_patch16_224-b5f2ef4d.pth', 'ViT-B_32.npz', 'clip.mp4',
            'long.mp4',
        )
    },
    'data/synthme': 'python tools/data/make_synthme.py --out data/synthme',
    'data/synthme-macro': 'python tools/data/make_synthme.py --kind macro --seed 1 '
    '--out data/synthme-macro',
    # Not cropped, which is quicker.
    **{
        f'data/{name}': f'python tools/data/prepare.py {name} --no-crop '
        f'--root {release} --out data/{name}'
        for name, release in (
            ('casme2', 'CASME2'), ('samm', 'SAMM'), ('smic', 'SMIC_all_cropped'),
            ('mmew', 'MMEW'), ('dfew', 'DFEW'),
        )
    },
    'data/megc2019': 'python tools/data/compose.py data/casme2 data/samm data/smic '
    '--out data/megc2019',
    'work_dirs/ours': 'python tools/train.py configs/mpt_vit-tiny_synthme.py '
    '--work-dir work_dirs/ours',
    'work_dirs/theirs': 'python tools/train.py configs/mpt_vit-tiny_synthme.py '
    '--seed 1 --work-dir work_dirs/theirs',
}  # fmt: skip
_OWN = re.compile(r'(--(?:out|work-dir|json|render))[ =]\S+')
_FILES = re.compile(r'(?:data|work_dirs|checkpoints)/[\w./-]+')
_QUOTED = re.compile(r"'([^']+)'")
_BASES = re.compile(r"'([\w./-]+\.py)'")


def maker_of(name: str) -> str | None:
    """The command that makes a path; runs are made by their configs."""
    match = re.fullmatch(r'work_dirs/([\w-]+)', name)
    if name not in PROVIDED and match:
        return f'python tools/train.py configs/{match[1]}.py'
    return PROVIDED.get(name)


def asked_for(text: str, scratch: Path) -> list[str]:
    """Paths that a command presupposes, as far as somebody can make them.

    Args:
        text: The command.
        scratch: Where it will run; its configs are read there.

    Returns:
        Keys for :func:`maker_of`, none twice.
    """
    text = _OWN.sub(r'\1', text)
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    named = [name for word in words for name in re.split(r'[=,:]', word)]
    named += _QUOTED.findall(text)
    for word in words:
        if word.startswith('configs/'):
            for path in scratch.glob(re.sub(r'\{[^}]*\}', '*', word)):
                named += _FILES.findall(_with_bases(path, set()))
    found = []
    for name in named:
        parts = Path(name).parts
        for depth in range(1, min(3, len(parts)) + 1):
            key = '/'.join(parts[:depth])
            is_run = key.startswith('work_dirs/') and (
                (scratch / 'configs' / f'{parts[1]}.py').is_file()
            )
            if key in PROVIDED or is_run:
                found.append(key)
                break
    for run in [key for key in found if key.startswith('work_dirs/')]:
        # What looks at a run looks at its clips, too.
        config = scratch / 'configs' / f'{run.removeprefix("work_dirs/")}.py'
        data = _FILES.findall(_with_bases(config, set()))
        found += [name for name in data if name in PROVIDED]
    return list(dict.fromkeys(found))


def _with_bases(path: Path, seen: set[Path]) -> str:
    """The text of a config and of all that it names."""
    if path in seen or not path.is_file():
        return ''
    seen.add(path)
    text = path.read_text(encoding='utf-8')
    for name in _BASES.findall(text):
        for folder in (path.parent, path.parent.parent):
            text += _with_bases((folder / name).resolve(), seen)
    return text


class Provider:
    """Makes what is asked for, once, in a scratch copy of its own.

    Args:
        scratch: That copy.
        run: Runs a command there; an error is raised.
    """

    def __init__(self, scratch: Path, run: Callable[[str], None]) -> None:
        self.scratch, self._run = scratch, run
        self._lock = threading.RLock()

    def lay(self, name: str, scratch: Path) -> None:
        """Put a path into a scratch copy, if it is not there."""
        target = scratch / name
        if target.exists():
            return
        with self._lock:
            source = self.scratch / name
            if not source.exists():
                command = maker_of(name)
                assert command is not None, name
                for other in asked_for(command, self.scratch):
                    if other != name:
                        self.lay(other, self.scratch)
                self._run(command)
        if not source.exists():
            raise RuntimeError(f'{maker_of(name)} has not made {name}')
        if scratch == self.scratch:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            # Frames may be links of one file; runs are written into.
            link = os.link if not name.startswith('work_dirs') else shutil.copy2
            shutil.copytree(source, target, copy_function=link)
        elif not target.exists():
            shutil.copy2(source, target)
