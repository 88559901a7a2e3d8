"""The frames of a prepared clip: cropped and aligned, or linked as they are.

Each clip is a job of its own with a receipt, so that a killed run goes on where it
was, and a changed release or setting is noticed. It is finished in the stage; what
stands in its place stays there (see ``swapping.py``).
"""

import functools
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from ...utils.errors import MERDataError
from ...utils.json_files import read_json, write_json
from ...utils.parallel import in_processes
from ..faces.alignment import align, align_matrix
from ..faces.finder import FaceFinder, FaceNotFoundError
from ..images.clip_images import ClipImages, files_of_white_level, scaling_version
from ..images.frame_folder import iter_images
from ..video.reader import iter_video_frames
from .linking import link_or_copy
from .out_folder import OutFolder
from .reconcile import Settled
from .swapping import Swap

# Raised when the same release gives other pictures.
VERSION = 1
# Likewise for videos alone: 2 takes each frame as decoding in order gives it.
_VIDEO_VERSION = 2
# A clip has at most a hundred thousand frames, each with its name.
_MOST_BYTES = 1 << 23


@dataclass(frozen=True)
class Crop:
    """How faces are cropped.

    Attributes:
        size: Side of the pictures in pixels.
        model: File of the face finder.
    """

    size: int
    model: Path


@dataclass(frozen=True)
class Job:
    """One clip to write.

    Attributes:
        settled: The clip.
        out: The prepared folder.
        crop: How to crop; None links the frames as they are.
    """

    settled: Settled
    out: OutFolder
    crop: Crop | None

    @property
    def names(self) -> tuple[str, str]:
        """Subject and clip, which are also the names of the folders."""
        return self.settled.clip.subject, self.settled.clip.name


def write_frames(
    jobs: Sequence[Job], swap: Swap | None, workers: int = 1, progress: bool = True
) -> tuple[list[dict[str, Any]], list[Job]]:
    """Write the frames of all clips whose frames are not there yet.

    Args:
        jobs: The clips.
        swap: Puts clips in their places as they are done; None leaves them staged.
        workers: Processes that read frames.
        progress: Show a progress bar.

    Returns:
        The receipt of each clip, see :func:`write_clip`, and the jobs of the clips
        that are left in the stage.
    """
    known = [current_receipt(job) for job in jobs]
    todo = [job for job, (done, _) in zip(jobs, known, strict=True) if done is None]
    made = tqdm(
        in_processes(write_clip, todo, workers),
        total=len(jobs),
        initial=len(jobs) - len(todo),
        desc='reading frames'
        if all(job.crop is None for job in jobs)
        else 'cropping faces',
        unit='clip',
        disable=not progress,
    )
    fresh, receipts, staged = iter(made), [], []
    for job, (done, in_place) in zip(jobs, known, strict=True):
        receipt = next(fresh) if done is None else done
        receipts.append(receipt)
        if in_place or 'made_from' not in receipt:
            continue
        if swap is None:
            staged.append(job)
        else:
            swap.put(*job.names)
    return receipts, staged


def template(job: Job) -> str | None:
    """Name of the frame files that a job will write; None for a video."""
    if job.crop is not None:
        return 'img{}.png'
    return job.settled.frames.template if job.settled.frames else None


def current_receipt(job: Job) -> tuple[dict[str, Any] | None, bool]:
    """Find the receipt of a clip that need not be written again.

    Returns:
        The receipt, None where there is none; and whether the clip is in its place,
        rather than in the stage.
    """
    made_from = None
    for place in (job.out.now, job.out.stage):
        receipt = _read_receipt(place.receipt(*job.names))
        if receipt is None:
            continue
        try:
            made_from = made_from or fingerprint(job)
            if receipt['made_from'] == made_from and (
                'error' in receipt
                or set(receipt['names']) <= set(os.listdir(place.clip(*job.names)))
            ):
                return receipt, place == job.out.now
        except (OSError, LookupError, TypeError):
            continue
    return None, False


def write_clip(job: Job) -> dict[str, Any]:
    """Write the frames of a clip, from onset to offset, into the stage.

    Args:
        job: The clip.

    Returns:
        The receipt: either the ``names`` of the files, ``face`` (how it was found,
        its score and the matrix of the crop) and ``depth`` (what was read as white,
        where pictures have more than 8 bits), or ``error`` and its ``field``. What
        holds ``made_from`` may be put in its place.

    Raises:
        MERDataError: The disk refuses.
    """
    stage = job.out.stage.clip(*job.names)
    path = job.out.stage.receipt(*job.names)
    if foreign := _foreign(job):
        reason = f'{foreign}: was not made here: move it away, or choose another --out'
        return {'error': reason, 'field': 'frames'}
    try:
        # Whatever happens from here on, an older receipt is not believed.
        path.unlink(missing_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        receipt: dict[str, Any] = {'made_from': fingerprint(job)}
        try:
            made = (
                _link(job, stage) if job.crop is None else _crop(job, job.crop, stage)
            )
        except FaceNotFoundError as error:
            # The same picture would be looked at with the same result.
            receipt |= {'error': str(error), 'field': 'face'}
            shutil.rmtree(stage)
        except MERDataError as error:
            shutil.rmtree(stage, ignore_errors=True)
            return {'error': str(error), 'field': 'frames'}
        else:
            receipt |= {'names': sorted(os.listdir(stage)), **made, **_depth(job)}
        write_json(path, receipt)
    except OSError as error:
        raise MERDataError(
            f'{error.filename or stage}: {error.strerror or error}; what is done stays'
        ) from error
    return receipt


def _foreign(job: Job) -> Path | None:
    """Find a file in a clip's folder that is none of ours."""
    folder = job.out.now.clip(*job.names)
    if not folder.exists():
        return None
    receipt = _read_receipt(job.out.receipt(*job.names))
    if receipt is None:
        return folder
    names = {name for name in os.listdir(folder) if not name.startswith('.')}
    others = sorted(names.difference(receipt.get('names', ())))
    return folder / others[0] if others else None


def fingerprint(job: Job) -> str:
    """Hash what decides a clip's pictures: its files, its range and the crop."""
    clip, held = job.settled.clip, job.settled.frames
    crop = job.crop and (job.crop.size, job.crop.model.stat().st_size)
    facts: list[Any] = [VERSION, crop, clip.onset, clip.offset]
    sources = [str(path) for path in _sources(job)]
    if held is not None:
        sources = files_of_white_level(sources, _among(job))
        facts += scaling_version(sources)
    for path in map(Path, sources):
        status = path.stat()
        # Files of one name in two folders are not one: the folders' names count too.
        facts.append((path.parts[-3:], status.st_size, status.st_mtime_ns))
    facts.append(held.template if held else None)
    if held is None:
        facts.append((_VIDEO_VERSION, job.settled.picks))
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def _read_receipt(path: Path) -> dict[str, Any] | None:
    try:
        receipt = read_json(path, _MOST_BYTES)
        if not isinstance(receipt, dict):
            return None
        told: tuple[Any, ...]
        if 'error' in receipt:
            told = receipt['error'], receipt['field']
        else:
            told = (*receipt.get('names', ()), receipt.get('face', {'how': ''})['how'])
        told += receipt['made_from'], receipt.get('depth', '')
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return receipt if all(isinstance(one, str) for one in told) else None


def _sources(job: Job) -> list[Path]:
    clip, held = job.settled.clip, job.settled.frames
    assert clip.path is not None
    if held is None:
        return [clip.path]
    return [held.folder / held.files[number] for number in _numbers(job)]


def _numbers(job: Job) -> list[int]:
    clip, held = job.settled.clip, job.settled.frames
    assert clip.onset is not None and clip.offset is not None
    numbers = range(clip.onset, clip.offset + 1)
    return [n for n in numbers if held is None or n in held.files]


def _read(job: Job) -> Iterator[np.ndarray]:
    title, files = job.settled.clip.title, [str(path) for path in _sources(job)]
    if job.settled.frames is not None:
        return iter_images(files, title, _among(job))
    picks = job.settled.picks
    return iter_video_frames(files[0], _numbers(job) if picks is None else picks, title)


def _among(job: Job) -> list[str]:
    """All pictures of a clip, which decide what is white.

    Where they are only linked, training will see no others than those.
    """
    held = job.settled.frames
    if held is None or job.crop is None:
        return [str(path) for path in _sources(job)]
    return [str(held.folder / name) for name in held.files.values()]


def _depth(job: Job) -> dict[str, str]:
    if job.settled.frames is None:
        return {}
    note = ClipImages(_among(job)).note()
    return {} if note is None else {'depth': note}


def _link(job: Job, stage: Path) -> dict[str, Any]:
    for _ in _read(job):
        pass  # what cannot be decoded is found now, not in the middle of a training
    sources = _sources(job)
    for path in sources:
        link_or_copy(path, stage / path.name)
    return {}


@functools.lru_cache(maxsize=1)
def finder(model: Path) -> FaceFinder:
    """One per process, since building it reads the model."""
    return FaceFinder(model)


def _crop(job: Job, crop: Crop, stage: Path) -> dict[str, Any]:
    face, matrix = None, np.empty(0)
    for number, frame in zip(_numbers(job), _read(job), strict=True):
        if face is None:
            try:
                face = finder(crop.model)(frame)
            except FaceNotFoundError as error:
                raise FaceNotFoundError(f'frame {number} (onset): {error}') from error
            matrix = align_matrix(face.points, crop.size)
        aligned = align(frame, matrix, crop.size)
        _, data = cv2.imencode(
            '.png', aligned[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3]
        )
        (stage / f'img{number}.png').write_bytes(data.tobytes())
    assert face is not None
    return {
        'face': {
            'how': face.how,
            'score': round(float(face.score), 4),
            'points': np.round(face.points, 2).tolist(),
            'matrix': matrix.tolist(),
        },
    }
