"""The frames of a prepared clip: cropped and aligned, or linked as they are.

Each clip is a job of its own with a receipt, so that a killed run goes on where it
was, and a changed release or setting is noticed.
"""

import functools
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...utils import write_json
from ..annotation import MERDataError
from ..faces import FaceFinder, FaceNotFound, align, align_matrix
from ..frames import each_image
from ..json_files import read_json
from ..linking import link_or_copy
from ..out_folder import OutFolder
from ..video_reader import each_video_frame
from .settle import Settled

# Raised when the same release gives other pictures.
VERSION = 1
# Likewise for videos alone: 2 takes each frame as decoding in order gives it.
_VIDEO_VERSION = 2
# A clip has at most a hundred thousand frames, each with its name.
_MOST_BYTES = 1 << 23
# A receipt of this says that a folder may be half replaced, but is ours.
_BEGUN = {'made_from': 'begun'}


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

    @property
    def folder(self) -> Path:
        """Where the frames go."""
        return self.out.frames.joinpath(*self.names)


def template(job: Job) -> str | None:
    """Name of the frame files that a job will write; None for a video."""
    if job.crop is not None:
        return 'img{}.png'
    return job.settled.frames.template if job.settled.frames else None


def current_receipt(job: Job) -> dict[str, Any] | None:
    """Return the receipt of a clip that need not be written again."""
    receipt = _read_receipt(job)
    try:
        if receipt is None or receipt['made_from'] != fingerprint(job):
            return None
        if 'error' in receipt or set(receipt['names']) <= set(os.listdir(job.folder)):
            return receipt
    except (OSError, LookupError, TypeError):
        pass
    return None


def write_clip(job: Job) -> dict[str, Any]:
    """Write the frames of a clip, from onset to offset.

    Args:
        job: The clip.

    Returns:
        The receipt: either the ``names`` of the files and ``face`` (how it was found,
        its score and the matrix of the crop), or ``error`` and its ``field``.

    Raises:
        MERDataError: The disk refuses.
    """
    path, stage = job.out.receipt(*job.names), job.out.stage(*job.names)
    if foreign := _foreign(job):
        reason = f'{foreign}: was not made here: move it away, or choose another --out'
        return {'error': reason, 'field': 'frames'}
    try:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        receipt: dict[str, Any] = {'made_from': fingerprint(job)}
        try:
            made = (
                _link(job, stage) if job.crop is None else _crop(job, job.crop, stage)
            )
        except FaceNotFound as error:
            # The same picture would be looked at with the same result.
            receipt |= {'error': str(error), 'field': 'face'}
        except MERDataError as error:
            return {'error': str(error), 'field': 'frames'}
        else:
            receipt |= {'names': sorted(os.listdir(stage)), **made}
        # Whatever happens from here on, the old receipt is not believed.
        write_json(path, _BEGUN)
        if job.folder.exists():
            job.out.remove_annotations()
            shutil.rmtree(job.folder)
        if 'error' not in receipt:
            job.folder.parent.mkdir(parents=True, exist_ok=True)
            os.replace(stage, job.folder)
        write_json(path, receipt)
    except OSError as error:
        raise MERDataError(
            f'{error.filename or job.folder}: {error.strerror or error}; what is done '
            f'stays'
        ) from error
    return receipt


def _foreign(job: Job) -> Path | None:
    """Find a file in a clip's folder that is none of ours."""
    if not job.folder.exists():
        return None
    receipt = _read_receipt(job)
    if receipt is None:
        return job.folder
    if receipt == _BEGUN:
        return None
    names = {name for name in os.listdir(job.folder) if not name.startswith('.')}
    others = sorted(names.difference(receipt.get('names', ())))
    return job.folder / others[0] if others else None


def fingerprint(job: Job) -> str:
    """Hash what decides a clip's pictures: its files, its range and the crop."""
    clip, held = job.settled.clip, job.settled.frames
    crop = job.crop and (job.crop.size, job.crop.model.stat().st_size)
    facts: list[Any] = [VERSION, crop, clip.onset, clip.offset]
    for path in _sources(job):
        status = path.stat()
        # Files of one name in two folders are not one: the folders' names count too.
        facts.append((path.parts[-3:], status.st_size, status.st_mtime_ns))
    facts.append(held.template if held else None)
    if held is None:
        facts.append((_VIDEO_VERSION, job.settled.picks))
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def _read_receipt(job: Job) -> dict[str, Any] | None:
    try:
        receipt = read_json(job.out.receipt(*job.names), _MOST_BYTES)
        if not isinstance(receipt, dict):
            return None
        told: tuple[Any, ...]
        if 'error' in receipt:
            told = receipt['error'], receipt['field']
        else:
            told = (*receipt.get('names', ()), receipt.get('face', {'how': ''})['how'])
        told += (receipt['made_from'],)
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
        return each_image(files, title)
    picks = job.settled.picks
    return each_video_frame(files[0], _numbers(job) if picks is None else picks, title)


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
            except FaceNotFound as error:
                raise FaceNotFound(f'frame {number} (onset): {error}') from error
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
