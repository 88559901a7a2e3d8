"""The frames of a prepared clip: cropped and aligned, or linked as they are.

Each clip is a job of its own with a receipt, so that a killed run goes on where it
was, and a changed release or setting is noticed.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...utils import write_json
from ..annotation import MERDataError
from ..faces import FaceFinder, FaceNotFound, align, align_matrix
from ..frames import read_images, read_video
from ..linking import link_or_copy
from .settle import Settled

# Raised when the same release gives other pictures.
VERSION = 1


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
        folder: Where its frames go, below ``frames``.
        receipt: File that says that it is done, and from what.
        crop: How to crop; None links the frames as they are.
    """

    settled: Settled
    folder: Path
    receipt: Path
    crop: Crop | None


# One per process, since building it reads the model.
_finders: dict[Path, FaceFinder] = {}


def write_clip(job: Job) -> dict[str, Any]:
    """Write the frames of a clip, from onset to offset.

    Args:
        job: The clip.

    Returns:
        The receipt: ``template`` of the frame files (None for a video), and either
        ``face`` (how it was found, its score and the matrix of the crop) or ``error``.
    """
    made_from = fingerprint(job)
    try:
        receipt = json.loads(job.receipt.read_text(encoding='utf-8'))
        if receipt['made_from'] == made_from and _is_there(job, receipt):
            return receipt
    except (OSError, ValueError, KeyError, TypeError):
        pass
    stage = job.folder.with_name(f'.{job.folder.name}.partial')
    shutil.rmtree(stage, ignore_errors=True)
    shutil.rmtree(job.folder, ignore_errors=True)
    stage.mkdir(parents=True)
    receipt = {'made_from': made_from}
    try:
        if job.crop is None:
            receipt |= _link(job, stage)
        else:
            receipt |= _crop(job, job.crop, stage)
        os.replace(stage, job.folder)
    except MERDataError as error:
        what = 'face' if isinstance(error, FaceNotFound) else 'frames'
        receipt |= {'error': str(error), 'field': what}
        shutil.rmtree(stage, ignore_errors=True)
    write_json(job.receipt, receipt)
    return receipt


def fingerprint(job: Job) -> str:
    """Hash what decides a clip's pictures: its files, its range and the crop."""
    clip, held = job.settled.clip, job.settled.frames
    crop = job.crop and (job.crop.size, job.crop.model.stat().st_size)
    facts: list[Any] = [VERSION, crop, clip.onset, clip.offset]
    for path in _sources(job):
        status = path.stat()
        facts.append((path.name, status.st_size, status.st_mtime_ns))
    facts.append(held.template if held else None)
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


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


def _is_there(job: Job, receipt: dict[str, Any]) -> bool:
    if 'error' in receipt:
        return True
    return job.folder.is_dir() and len(os.listdir(job.folder)) == receipt['files']


def _link(job: Job, stage: Path) -> dict[str, Any]:
    sources = _sources(job)
    for path in sources:
        link_or_copy(path, stage / path.name)
    held = job.settled.frames
    return {
        'template': held.template if held else None,
        'video': None if held else sources[0].name,
        'files': len(sources),
    }


def _crop(job: Job, crop: Crop, stage: Path) -> dict[str, Any]:
    clip, held = job.settled.clip, job.settled.frames
    numbers = _numbers(job)
    if held is None:
        frames = read_video(str(clip.path), numbers, clip.title)
    else:
        frames = read_images([str(path) for path in _sources(job)], clip.title)
    finder = _finders.setdefault(crop.model, FaceFinder(crop.model))
    try:
        face = finder(frames[0])
    except FaceNotFound as error:
        raise FaceNotFound(f'frame {numbers[0]} (onset): {error}') from error
    matrix = align_matrix(face.points, crop.size)
    for number, frame in zip(numbers, frames, strict=True):
        aligned = align(frame, matrix, crop.size)
        _, data = cv2.imencode(
            '.png', aligned[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3]
        )
        (stage / f'img{number}.png').write_bytes(data.tobytes())
    return {
        'template': 'img{}.png',
        'files': len(numbers),
        'face': {
            'how': face.how,
            'score': round(float(face.score), 4),
            'points': np.round(face.points, 2).tolist(),
            'matrix': matrix.tolist(),
        },
    }
