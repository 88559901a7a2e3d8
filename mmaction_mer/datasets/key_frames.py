"""Reading of the onset, apex and offset frames of clips, for figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..utils.errors import MERDataError
from .annotation import clip_name
from .images.frame_folder import list_frames, read_images
from .video.reader import open_video, read_video


def read_key_frames(
    row: Mapping[str, Any], names: Sequence[str] = ('onset', 'apex')
) -> list[tuple[str, np.ndarray]]:
    """Read some of the onset, apex and offset frames of a clip.

    The middle frame replaces an unknown apex, and the nearest one a missing frame.

    Args:
        row: A located row, see :func:`~mmaction_mer.datasets.clips.locate`.
        names: Any of ``'onset'``, ``'apex'`` and ``'offset'``. Defaults to
            ``('onset', 'apex')``.

    Returns:
        Caption and RGB image of shape ``(H, W, 3)``, uint8, of each. The caption is
        ``'apex 25'``, ``'middle 35'`` if the apex is unknown, or ``'near apex 24'``.

    Raises:
        MERDataError: The frames cannot be read.
    """
    clip, onset, offset = clip_name(row), row['onset'], row['offset']
    wanted = {name: row[name] for name in names}
    if 'apex' in wanted and wanted['apex'] is None:
        wanted = {
            'middle' if name == 'apex' else name: number
            for name, number in (wanted | {'apex': (onset + offset + 1) // 2}).items()
        }
    files: dict[int, str] = {}
    if row.get('video') is None:
        files = list_frames(row['frame_dir'], row['filename_tmpl'], clip)
        available = [number for number in files if onset <= number <= offset]
    else:
        length = len(open_video(row['video'], clip))
        available = list(range(onset, min(offset, length - 1) + 1))
    if not available:
        raise MERDataError(f'no frame from onset {onset} to offset {offset}', clip=clip)
    found = {
        name: min(available, key=lambda n: abs(n - number))
        for name, number in wanted.items()
    }
    if files:
        paths = [files[number] for number in found.values()]
        images = read_images(paths, clip, [*files.values()])
    else:
        images = read_video(row['video'], list(found.values()), clip)
    captions = [
        f'{name} {number}' if number == wanted[name] else f'near {name} {number}'
        for name, number in found.items()
    ]
    return list(zip(captions, images, strict=True))
