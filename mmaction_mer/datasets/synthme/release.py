"""A release on disk: frame folders, ``annotations.json`` and ``truth.json``.

The annotation is what any release has. The truth is what only a synthetic one
can have: per clip the actions' weights, the apex and the seeds, from which
:func:`clip_field` computes the displacement of every pixel.
"""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from ...utils.errors import MERDataError
from ...utils.json_files import read_json, write_json
from ...utils.parallel import parallel_map
from ...utils.text import quote
from ..annotation import write_annotation
from .actions import CLASSES, action_units, emotion_of, sample_expression, true_field
from .clip import render_clip, sample_timing
from .face import Face, render_texture
from .identity import sample_identity
from .nuisance import FPS
from .plan import VERSION, Plan, Release, plan, seeds

ANNOTATIONS, TRUTH = 'annotations.json', 'truth.json'


def make_release(
    out: str | Path, release: Release, workers: int = 1, progress: bool = True
) -> bool:
    """Draw a release and write it, whole or not at all.

    Args:
        out: The release's folder, which appears only when it is complete.
        release: What to draw; it alone decides the bytes.
        workers: Processes that draw.
        progress: Show a progress bar.

    Returns:
        True if the release was written, False if it stood there already.

    Raises:
        MERDataError: ``out`` holds something else.
        OSError: The disk is full or not writable.
    """
    out = Path(out)
    if is_complete(out, release):
        return False
    _refuse_other(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(out)
    stage = _stage(out, os.getpid())
    stage.mkdir()
    try:
        made = [
            entry
            for entry in tqdm(
                _draw_all(stage, release, workers),
                total=release.subjects * release.clips,
                desc='SynthME',
                unit='clip',
                disable=not progress,
            )
        ]
        _write_tables(stage, release, made)
        if is_complete(out, release):
            return False  # someone else was faster
        os.rename(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return True


# What a release is made with, as in truth.json.
_FIELDS = ('version', *Release.__dataclass_fields__)


def is_complete(out: str | Path, release: Release) -> bool:
    """Whether ``out`` holds exactly this release, with all its frames."""
    out = Path(out)
    try:
        truth = read_json(out / TRUTH)
        if truth['arguments'] != _arguments(release):
            return False
        return (out / ANNOTATIONS).is_file() and all(
            len(os.listdir(out / 'frames' / entry['subject'] / entry['clip']))
            == entry['frames']
            for entry in truth['clips']
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def clip_field(entry: dict[str, Any], size: int) -> np.ndarray:
    """True displacement at the apex of a clip, head at rest.

    Args:
        entry: A clip of ``truth.json``.
        size: Side of the frame in pixels.

    Returns:
        (size, size, 2) float32, x and y in pixels of that frame.
    """
    who = sample_identity(np.random.default_rng(entry['identity_seed']))
    return true_field(who, entry['weights'], size)


def _arguments(release: Release) -> dict[str, Any]:
    """The release as JSON reads it back."""
    return json.loads(json.dumps({'version': VERSION, **asdict(release)}))


def _stage(out: Path, pid: int | str) -> Path:
    return out.with_name(f'.{out.name}.{socket.gethostname()}.{pid}.partial')


def _remove_left_over(out: Path) -> None:
    """Remove what killed runs of this machine left beside ``out``."""
    for stage in out.parent.glob(_stage(out, '*').name):
        pid = stage.name.split('.')[-2]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(stage, ignore_errors=True)


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _refuse_other(out: Path) -> None:
    """Raise if ``out`` holds anything at all, or lies below a file."""
    for parent in out.parents:
        if parent.exists() and not parent.is_dir():
            raise MERDataError(f'{out}: {parent} is a file; choose another --out')
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        found = read_json(out / TRUTH)['arguments']
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    what = 'other files'
    if isinstance(found, dict):
        told = ', '.join(f'{key!r}: {quote(found.get(key))}' for key in _FIELDS)
        what = f'a release made with {{{told}}}, or parts of it'
    raise MERDataError(
        f'{out}: holds {what}; remove the folder or choose another --out'
    )


def _draw_all(stage: Path, release: Release, workers: int) -> Iterator[dict[str, Any]]:
    """Draw every clip, in order."""
    draw = partial(_draw, stage, release)
    yield from parallel_map(draw, plan(release), workers)


@lru_cache(maxsize=1)
def _face(*seed: int) -> Face:
    return render_texture(sample_identity(np.random.default_rng(seed)))


def _draw(stage: Path, release: Release, item: Plan) -> dict[str, Any]:
    """Draw and write one clip.

    Returns:
        Its entry of the truth file.
    """
    who = seeds(release, 1, item.subject)
    seed = seeds(release, 2, item.subject, item.clip)
    rng = np.random.default_rng(seed)
    low, high = release.span
    # As many clips between 0.5 and 1 pixel as between 1 and 2.
    amplitude = low * (high / low) ** (rng.random() ** item.lean)
    weights = sample_expression(item.label, rng, 1.0)
    # Neighbouring actions add up: what is asked for is the largest displacement.
    field = true_field(_face(*who).identity, weights, 224)
    gain = amplitude / float(np.linalg.norm(field, axis=-1).max())
    weights = {action: weight * gain for action, weight in weights.items()}
    timing = sample_timing(rng)
    first = int(rng.integers(1, 400))
    frames = render_clip(
        _face(*who), weights, timing, rng, release.size, release.nuisance
    )
    subject = f'sub{item.subject + 1:02d}'
    clip = f'{subject}_c{item.clip + 1:03d}'
    folder = stage / 'frames' / subject / clip
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, first):
        _, data = cv2.imencode('.jpg', frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        (folder / f'img{number}.jpg').write_bytes(data.tobytes())
    return {
        'subject': subject,
        'clip': clip,
        'label': item.label,
        'amplitude': float(amplitude),
        'weights': weights,
        'onset': first + timing.onset,
        'apex': first + timing.apex,
        'offset': first + timing.offset,
        'first': first,
        'frames': timing.length,
        'identity_seed': who,
        'seed': seed,
    }


def _write_tables(stage: Path, release: Release, made: list[dict[str, Any]]) -> None:
    # The people of a macro release are others, whatever their seed.
    name = 'synthme' if release.kind == 'micro' else 'synthme-macro'
    rows = [
        {
            'dataset': name,
            'subject': entry['subject'],
            'clip': entry['clip'],
            'frame_dir': f'frames/{entry["subject"]}/{entry["clip"]}',
            'filename_tmpl': 'img{}.jpg',
            'onset': entry['onset'],
            'apex': entry['apex'],
            'offset': entry['offset'],
            'fps': FPS,
            'label': entry['label'],
            'emotion': emotion_of(entry['weights']),
            'aus': action_units(entry['weights']),
        }
        for entry in made
    ]
    metainfo = {
        'dataset': name,
        'task_name': f'{release.kind}-expression recognition',
        'classes': list(CLASSES),
        'format': 1,
    }
    write_annotation(stage / ANNOTATIONS, {'metainfo': metainfo, 'data_list': rows})
    write_json(stage / TRUTH, {'arguments': _arguments(release), 'clips': made})
