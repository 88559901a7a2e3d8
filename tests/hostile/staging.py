"""Preparation of folders with a hostile file among sound ones."""

import json
from pathlib import Path

from .case import place

Argv = list[str]


def or_sound(file: Path | None, sound: Path) -> Path:
    return sound if file is None else file


def named(file: Path | None, scratch: Path, sound: Path) -> str:
    """Put a file into the scratch folder under its own name."""
    source = or_sound(file, sound)
    # Named ``file`` are those that have no ending of their own.
    target = scratch / 'given' / (sound.name if source.name == 'file' else source.name)
    place(source, target)
    return str(target)


def run_with(file: Path | None, scratch: Path, run: Path, inside: str = '') -> Path:
    """A copy of a run with one file of it replaced, or all that a folder has."""
    copy = scratch / 'run'
    place(run, copy)
    if file is not None:
        place(file, copy / inside)
        sealed(copy)
    return copy


def cut(run: Path, *folds: str) -> None:
    """Let folds of a run be ones that a kill has cut."""
    for fold in folds:
        path = run / 'folds' / fold / 'fold.json'
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {'status': 'running'}))


def sealed(run: Path) -> None:
    """Update the digests in a run to those of its files, as an attacker can."""
    try:
        from mmaction_mer.utils.hashing import file_digest
    except ImportError:
        return
    for path in run.glob('folds/*/fold.json'):
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 10**6:
                continue
            state = json.loads(path.read_text())
            for name in state['digests']:
                file = path.with_name(name)
                whole = file.is_file() and not file.is_symlink()
                if whole and file.stat().st_size < 10**8:
                    state['digests'][name] = file_digest(file)
            path.write_text(json.dumps(state))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue  # the state itself is what is hostile


def data_with(
    file: Path | None,
    scratch: Path,
    sound: Path,
    name: str = 'toy',
    video: bool = False,
) -> Path:
    """A prepared data set, one frame or video of it replaced."""
    data = scratch / name
    place(sound / name, data)
    if video:
        source = or_sound(file, sound / 'clip.mp4')
        ending = source.suffix or '.mp4'
        place(source, data / 'frames' / f'v{ending}')
        path = data / 'annotations.json'
        content = json.loads(path.read_text())
        content['data_list'][0].update(video=f'v{ending}', onset=0)
        for field in ('frame_dir', 'filename_tmpl'):
            content['data_list'][0].pop(field)
        path.write_text(json.dumps(content))
    elif file is not None:
        place(file, data / 'frames' / 'c0' / 'img1.png')
    return data


def toy_config(scratch: Path, sound: Path, data: Path) -> str:
    """The toy's config, over other data."""
    text = (sound / 'toy.py').read_text().replace(str(sound / 'toy'), str(data))
    path = scratch / 'config.py'
    path.write_text(text)
    return str(path)


def release(file: Path | None, scratch: Path, sound: Path, video: bool) -> Argv:
    root = scratch / 'release'
    place(sound / 'release', root)
    if video:
        source = or_sound(file, sound / 'clip.mp4')
        for path in (root / 's1' / 'c0').iterdir():
            path.unlink()
        (root / 's1' / 'c0').rmdir()
        place(source, root / 's1' / f'c0{source.suffix or ".mp4"}')
    elif file is not None:
        place(file, root / 's1' / 'c0' / 'img1.png')
    return ['generic', '--root', str(root), '--out', 'o', '--workers', '1']


def annotated(file: Path | None, scratch: Path, sound: Path) -> Path:
    data = scratch / 'toy'
    place(sound / 'toy', data)
    if file is not None:
        place(file, data / 'annotations.json')
    return data
