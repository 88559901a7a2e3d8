"""Opening the pictures and videos of clips to read every byte: no larger than any."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

from ...utils.files import open_regular
from .frame_names import IMAGES
from .image_file import MAX_FILE as MAX_PICTURE

#: Bytes of a video file.
MAX_VIDEO = 4 << 30


def open_bounded(path: str | Path) -> BinaryIO:
    """Open a picture or a video, unless it is larger than any that is read.

    A file with holes may say that it has terabytes, and takes no room on the disk.

    Args:
        path: The file; its ending says which of the two limits holds.

    Returns:
        The open binary file.

    Raises:
        OSError: See :func:`~mmaction_mer.utils.files.open_regular`; also where it is larger
            (``EFBIG``).
    """
    name = os.fspath(path)
    limit = MAX_PICTURE if name.lower().endswith(IMAGES) else MAX_VIDEO
    file = open_regular(name)
    if os.fstat(file.fileno()).st_size > limit:
        file.close()
        text = f'is larger than the {limit:,} bytes that such a file may have'
        raise OSError(errno.EFBIG, text, name)
    return file
