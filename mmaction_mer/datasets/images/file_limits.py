"""Open image and video files of bounded size."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

from ...utils.files import open_regular
from .frame_names import IMAGES
from .image_file import MAX_FILE as MAX_IMAGE

#: Bytes of a video file.
MAX_VIDEO = 4 << 30


def open_bounded(path: str | Path) -> BinaryIO:
    """Open an image or a video unless it is too large.

    A sparse file can have a size of terabytes without using the disk.

    Args:
        path: The file; its suffix decides which of the two limits applies.

    Returns:
        The open binary file.

    Raises:
        OSError: See :func:`~mmaction_mer.utils.files.open_regular`; also if the file
            is too large (``EFBIG``).
    """
    name = os.fspath(path)
    limit = MAX_IMAGE if name.lower().endswith(IMAGES) else MAX_VIDEO
    file = open_regular(name)
    if os.fstat(file.fileno()).st_size > limit:
        file.close()
        text = f'is larger than {limit:,} bytes, the limit for such a file'
        raise OSError(errno.EFBIG, text, name)
    return file
