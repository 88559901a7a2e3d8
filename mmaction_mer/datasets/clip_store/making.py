"""Making the clips of a store."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.errors import MERDataError
from ..annotation import clip_name
from ..clips import locate
from .layout import encode, rest_problem
from .sources import content_digest, source_files, source_state

Clip = dict[str, Any]


@dataclass(frozen=True)
class Maker:
    """Makes clips and puts them at their places in a file.

    Attributes:
        transforms: The beginning of the pipeline.
        root: The folder that the paths of the clips start from.
        pixels: The ``.npy`` file, whole in size.
        shape: (N, T, H, W, 3), the file's.
    """

    transforms: Sequence[Callable]
    root: str
    pixels: Path
    shape: tuple[int, ...]

    def __call__(self, job: tuple[int, Clip]) -> Clip | str:
        """Make one clip, down to the disk.

        Args:
            job: The place of the clip, and its facts.

        Returns:
            Its entry of the index, or what is wrong with it.
        """
        place, facts = job
        name = clip_name(facts)
        try:
            row = locate(facts, self.root)
            files = source_files(row)
            # Before the frames are read: what changes meanwhile is found stale later.
            sources = {**source_state(files), 'content': content_digest(files)}
            clip, rest = make_clip(self.transforms, row)
            if clip.shape != self.shape[1:]:
                raise MERDataError(
                    f'comes out as {clip.shape}, others as {self.shape[1:]}: a store '
                    f'holds clips of one shape, so its pipeline needs a Resize'
                )
        except MERDataError as error:
            text = str(error)
            return text if name in text else f'clip {name}: {text}'
        # Not through a memory map: there a full disk would kill the process.
        with open(self.pixels, 'r+b') as file:
            file.seek((place - self.shape[0]) * clip.nbytes, os.SEEK_END)
            file.write(clip.data)
            file.flush()
            os.fsync(file.fileno())
        return {'place': place, 'facts': facts, 'sources': sources, 'rest': rest}


def make_clip(
    transforms: Sequence[Callable], row: Mapping[str, Any]
) -> tuple[np.ndarray, Any]:
    """Run transforms on a located row.

    Returns:
        The frames (T, H, W, 3) uint8, and what else the transforms said, encoded.

    Raises:
        MERDataError: The clip cannot be read, or comes out as something else.
    """
    results: Any = dict(row)
    for transform in transforms:
        results = transform(results)
    frames = results.pop('imgs')
    kinds = {(frame.shape, str(frame.dtype)) for frame in frames}
    pictures = len(kinds) == 1 and frames[0].ndim == 3 and frames[0].dtype == np.uint8
    if not pictures or not isinstance(frames, list):
        raise MERDataError(f'its frames are {kinds}, not uint8 pictures of one size')
    given = {name: encode(value) for name, value in row.items()}
    rest = {name: encode(value) for name, value in results.items()}
    rest = {name: value for name, value in rest.items() if given.get(name) != value}
    if problem := rest_problem({'dict': rest}, (1, len(frames), *frames[0].shape)):
        raise MERDataError(f'its transforms give what no store keeps: {problem}')
    return np.stack(frames), {'dict': rest}
