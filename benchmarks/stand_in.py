"""Noise in the form of a release, for machines that have none."""

from pathlib import Path

import numpy as np

from mmaction_mer.datasets import write_annotation
from mmaction_mer.datasets.clip_cache import write_store


def make_stand_in(
    root: Path, clips: int = 247, subjects: int = 26, size: int = 224, length: int = 16
) -> Path:
    """Write clips of noise, unequally many of each subject, with a store beside them.

    Args:
        root: Where to; what stands there already is kept.
        clips: Number of clips.
        subjects: Number of subjects, at most a third of the clips.
        size: Side of the frames in pixels.
        length: Frames of a clip.

    Returns:
        ``root``.
    """
    import cv2

    if (root / 'store').is_dir():
        return root
    rng = np.random.default_rng(0)
    owners = [*range(subjects)] * 2
    owners += rng.integers(subjects, size=clips - len(owners)).tolist()
    rows = []
    for number, owner in enumerate(owners):
        folder = root / 'frames' / f'c{number}'
        folder.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(256, size=(size // 8, size // 8, 3), dtype=np.uint8)
        still = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        for frame in range(1, length + 1):
            moved = np.roll(still, frame // 4, axis=1)
            cv2.imwrite(str(folder / f'{frame}.jpg'), moved)
        row = dict(dataset='casme2', subject=f'sub{owner:02d}', clip=f'c{number}')
        row.update(frame_dir=f'c{number}', filename_tmpl='{}.jpg', fps=200.0)
        rows.append(row | dict(onset=1, apex=None, offset=length, label=number % 5))
    classes = ['happiness', 'disgust', 'repression', 'surprise', 'others']
    metainfo = dict(dataset='casme2', classes=classes)
    write_annotation(root / 'annotations.json', dict(metainfo=metainfo, data_list=rows))
    write_store(root / 'store', rows, root / 'frames', progress=False)
    return root
