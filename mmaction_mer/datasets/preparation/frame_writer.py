"""Write the frames of prepared clips: cropped and aligned, or linked as they are.

Each clip is a job with a receipt, so that a killed run continues where it was, and a
changed release or setting is detected. Clips are staged; those in their places are
replaced by a transaction (see ``transaction.py``).
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
from ...utils.parallel import parallel_map
from ..faces.alignment import align, align_matrix
from ..faces.finder import FaceFinder, FaceNotFoundError
from ..images.clip_images import ClipImages, files_of_white_level, scaling_version
from ..images.frame_folder import iter_images
from ..video.reader import iter_video_frames
from .linking import link_or_copy
from .out_folder import OutFolder
from .reconcile import ReconciledClip
from .transaction import Transaction

# Incremented when the same release results in other images.
VERSION = 1
# The same for videos: since 2 frames are those of decoding in order.
_VIDEO_VERSION = 2
# A clip has at most a hundred thousand frames, each with its name.
_MAX_BYTES = 1 << 23


@dataclass(frozen=True)
class Crop:
    """How faces are cropped.

    Attributes:
        size: Side length of the images in pixels.
        model: File of the face detector.
    """

    size: int
    model: Path


@dataclass(frozen=True)
class ClipJob:
    """One clip to write.

    Attributes:
        source: The clip and its frames in the release.
        out: The prepared folder.
        crop: How to crop; None links the frames as they are.
    """

    source: ReconciledClip
    out: OutFolder
    crop: Crop | None

    @property
    def names(self) -> tuple[str, str]:
        """Subject and clip, which are also the names of the folders."""
        return self.source.clip.subject, self.source.clip.name

    @property
    def template(self) -> str | None:
        """Name of the frame files that are written; None for a video."""
        if self.crop is not None:
            return 'img{}.png'
        return self.source.frames.template if self.source.frames else None

    @property
    def numbers(self) -> list[int]:
        """Numbers of the frames that are written."""
        clip, held = self.source.clip, self.source.frames
        assert clip.onset is not None and clip.offset is not None
        numbers = range(clip.onset, clip.offset + 1)
        return [n for n in numbers if held is None or n in held.files]

    @property
    def files(self) -> list[str]:
        """Files of the release that the frames are read from."""
        clip, held = self.source.clip, self.source.frames
        assert clip.path is not None
        if held is None:
            return [str(clip.path)]
        return [str(held.folder / held.files[number]) for number in self.numbers]

    @property
    def scale_files(self) -> list[str]:
        """Files whose pixel values decide what is read as white.

        Those of the whole folder; if frames are only linked, those that are linked,
        since training will see no others.
        """
        held = self.source.frames
        if held is None or self.crop is None:
            return self.files
        return [str(held.folder / name) for name in held.files.values()]


def write_frames(
    jobs: Sequence[ClipJob],
    transaction: Transaction | None,
    workers: int = 1,
    progress: bool = True,
) -> tuple[list[dict[str, Any]], list[ClipJob]]:
    """Write the frames of all clips that are not up to date.

    Args:
        jobs: The clips.
        transaction: Publishes each clip when it is done; None leaves it staged.
        workers: Number of processes that read frames. Defaults to 1.
        progress: Whether to show a progress bar. Defaults to True.

    Returns:
        The receipt of each clip, see :func:`write_clip`, and the jobs of the clips
        that are left staged.
    """
    known = [current_receipt(job) for job in jobs]
    todo = [job for job, (done, _) in zip(jobs, known, strict=True) if done is None]
    cropped = any(job.crop is not None for job in jobs)
    made = tqdm(
        parallel_map(write_clip, todo, workers),
        total=len(jobs),
        initial=len(jobs) - len(todo),
        desc='cropping faces' if cropped else 'reading frames',
        unit='clip',
        disable=not progress,
    )
    fresh, receipts, staged = iter(made), [], []
    for job, (done, published) in zip(jobs, known, strict=True):
        receipt = next(fresh) if done is None else done
        receipts.append(receipt)
        if published or 'made_from' not in receipt:
            continue
        if transaction is None:
            staged.append(job)
        else:
            transaction.publish_clip(*job.names)
    return receipts, staged


def current_receipt(job: ClipJob) -> tuple[dict[str, Any] | None, bool]:
    """Find the receipt of a clip that is up to date.

    Returns:
        The receipt, None if there is none; and whether the clip is published, rather
        than staged.
    """
    made_from = None
    for area in (job.out.published, job.out.staging):
        receipt = _read_receipt(area.receipt(*job.names))
        if receipt is None:
            continue
        try:
            made_from = made_from or fingerprint(job)
            if receipt['made_from'] == made_from and (
                'error' in receipt
                or set(receipt['names']) <= set(os.listdir(area.clip(*job.names)))
            ):
                return receipt, area == job.out.published
        except (OSError, LookupError, TypeError):
            continue
    return None, False


def write_clip(job: ClipJob) -> dict[str, Any]:
    """Write the frames of a clip, from onset to offset, to the staging area.

    Args:
        job: The clip.

    Returns:
        The receipt: either the ``names`` of the files, ``face`` (how it was found, its
        score and the matrix of the crop) and ``depth`` (what is read as white, if
        images have more than 8 bits), or ``error`` and its ``field``. A receipt with
        ``made_from`` may be published.

    Raises:
        MERDataError: The disk is full or read-only.
    """
    stage = job.out.staging.clip(*job.names)
    path = job.out.staging.receipt(*job.names)
    if foreign := _find_foreign(job):
        reason = f'{foreign}: was not made here: move it away, or choose another --out'
        return {'error': reason, 'field': 'frames'}
    try:
        # Whatever happens from here on, an older receipt is no longer valid.
        path.unlink(missing_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        receipt: dict[str, Any] = {'made_from': fingerprint(job)}
        try:
            made = (
                _link(job, stage) if job.crop is None else _crop(job, job.crop, stage)
            )
        except FaceNotFoundError as error:
            # The same image would be searched with the same result.
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
            f'{error.strerror or error}',
            path=error.filename or stage,
            hint='finished clips are kept',
        ) from error
    return receipt


def _find_foreign(job: ClipJob) -> Path | None:
    """Find a file in the folder of a clip that this program has not written."""
    folder = job.out.published.clip(*job.names)
    if not folder.exists():
        return None
    receipt = _read_receipt(job.out.published.receipt(*job.names))
    if receipt is None:
        return folder
    names = {name for name in os.listdir(folder) if not name.startswith('.')}
    others = sorted(names.difference(receipt.get('names', ())))
    return folder / others[0] if others else None


def fingerprint(job: ClipJob) -> str:
    """Hash what determines the images of a clip: its files, its range and the crop."""
    clip, held = job.source.clip, job.source.frames
    crop = job.crop and (job.crop.size, job.crop.model.stat().st_size)
    facts: list[Any] = [VERSION, crop, clip.onset, clip.offset]
    files = job.files
    if held is not None:
        files = files_of_white_level(files, job.scale_files)
        facts += scaling_version(files)
    for path in map(Path, files):
        status = path.stat()
        # Files of the same name in two folders differ: the folder names count, too.
        facts.append((path.parts[-3:], status.st_size, status.st_mtime_ns))
    facts.append(held.template if held else None)
    if held is None:
        facts.append((_VIDEO_VERSION, job.source.picks))
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def _read_receipt(path: Path) -> dict[str, Any] | None:
    """Read a receipt; None if it is missing or damaged."""
    try:
        receipt = read_json(path, _MAX_BYTES)
        values = [receipt['made_from'], receipt.get('depth', '')]
        if 'error' in receipt:
            values += [receipt['error'], receipt['field']]
        else:
            values += receipt.get('names', ())
            values.append(receipt.get('face', {'how': ''})['how'])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return receipt if all(isinstance(one, str) for one in values) else None


def _read_frames(job: ClipJob) -> Iterator[np.ndarray]:
    title, files = job.source.clip.title, job.files
    if job.source.frames is not None:
        return iter_images(files, title, job.scale_files)
    picks = job.source.picks
    return iter_video_frames(files[0], job.numbers if picks is None else picks, title)


def _depth(job: ClipJob) -> dict[str, str]:
    if job.source.frames is None:
        return {}
    note = ClipImages(job.scale_files).note()
    return {} if note is None else {'depth': note}


def _link(job: ClipJob, stage: Path) -> dict[str, Any]:
    for _ in _read_frames(job):
        pass  # a frame that cannot be decoded must not be found during training
    for path in map(Path, job.files):
        link_or_copy(path, stage / path.name)
    return {}


@functools.lru_cache(maxsize=1)
def face_finder(model: Path) -> FaceFinder:
    """Return one face detector per process, since it has to read its model."""
    return FaceFinder(model)


def _crop(job: ClipJob, crop: Crop, stage: Path) -> dict[str, Any]:
    face, matrix = None, np.empty(0)
    for number, frame in zip(job.numbers, _read_frames(job), strict=True):
        if face is None:
            try:
                face = face_finder(crop.model)(frame)
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
