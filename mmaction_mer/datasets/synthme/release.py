"""Write a release: frame folders, ``annotations.json`` and ``truth.json``.

``truth.json`` has the ground truth of each clip: the weights of the actions, the apex
and the seeds, from which :func:`clip_field` computes the displacement of every pixel.
"""

import json
import os
import shutil
import socket
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
    """Render and write a release, completely or not at all.

    Args:
        out: Folder of the release, which is created when the release is complete.
        release: The arguments, which alone determine the bytes.
        workers: Number of processes. Defaults to 1.
        progress: Whether to show a progress bar. Defaults to True.

    Returns:
        True if the release was written, False if it exists already.

    Raises:
        MERDataError: ``out`` contains something else.
        OSError: The disk is full or not writable.
    """
    out = Path(out)
    if is_complete(out, release):
        return False
    _check_out(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_partial(out)
    stage = _partial_folder(out, os.getpid())
    stage.mkdir()
    try:
        clips = parallel_map(partial(_draw, stage, release), plan(release), workers)
        total = release.subjects * release.clips
        entries = list(tqdm(clips, 'SynthME', total, unit='clip', disable=not progress))
        _write_tables(stage, release, entries)
        if is_complete(out, release):
            return False  # another process was faster
        os.rename(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return True


# Arguments of a release in truth.json.
_FIELDS = ('version', *Release.__dataclass_fields__)


def is_complete(out: str | Path, release: Release) -> bool:
    """Return whether ``out`` contains exactly this release, with all frames."""
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
    """Compute the true displacement at the apex of a clip, head at rest.

    Args:
        entry: A clip of ``truth.json``.
        size: Side of the frame in pixels.

    Returns:
        (size, size, 2) float32, x and y in pixels of that frame.
    """
    who = sample_identity(np.random.default_rng(entry['identity_seed']))
    return true_field(who, entry['weights'], size)


def _arguments(release: Release) -> dict[str, Any]:
    """Return the arguments as read back from JSON."""
    return json.loads(json.dumps({'version': VERSION, **asdict(release)}))


def _partial_folder(out: Path, pid: int | str) -> Path:
    return out.with_name(f'.{out.name}.{socket.gethostname()}.{pid}.partial')


def _remove_partial(out: Path) -> None:
    """Remove partial releases of killed processes on this machine."""
    for stage in out.parent.glob(_partial_folder(out, '*').name):
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


def _check_out(out: Path) -> None:
    """Raise an error if ``out`` is not empty, or is below a file."""
    for parent in out.parents:
        if parent.exists() and not parent.is_dir():
            raise MERDataError(
                f'{parent} is a file', path=out, hint='choose another --out'
            )
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        found = read_json(out / TRUTH)['arguments']
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    what = 'other files'
    if isinstance(found, dict):
        made = ', '.join(f'{key!r}: {quote(found.get(key))}' for key in _FIELDS)
        what = f'a release made with {{{made}}}, or parts of it'
    raise MERDataError(
        f'contains {what}',
        path=out,
        hint='remove the folder or choose another --out',
    )


@lru_cache(maxsize=1)
def _face(*seed: int) -> Face:
    return render_texture(sample_identity(np.random.default_rng(seed)))


def _draw(stage: Path, release: Release, item: Plan) -> dict[str, Any]:
    """Render and write one clip, and return its entry of ``truth.json``."""
    who = seeds(release, 1, item.subject)
    seed = seeds(release, 2, item.subject, item.clip)
    rng = np.random.default_rng(seed)
    low, high = release.span
    # As many clips between 0.5 and 1 pixel as between 1 and 2.
    amplitude = low * (high / low) ** (rng.random() ** item.lean)
    weights = sample_expression(item.label, rng, 1.0)
    # Neighboring actions add up; the amplitude is the largest displacement.
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


def _write_tables(stage: Path, release: Release, entries: list[dict[str, Any]]) -> None:
    # A macro release has other people, whatever the seed.
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
        for entry in entries
    ]
    metainfo = {
        'dataset': name,
        'task_name': f'{release.kind}-expression recognition',
        'classes': list(CLASSES),
        'format': 1,
    }
    write_annotation(stage / ANNOTATIONS, {'metainfo': metainfo, 'data_list': rows})
    write_json(stage / TRUTH, {'arguments': _arguments(release), 'clips': entries})
