"""Cells of a workbook that ``python-calamine`` cannot tell from empty ones.

It returns an error, and a formula whose value was never stored, as an empty cell, as if
the cell were not filled in. This package finds them in the file itself. The process
started by ``workbook.py`` loads it, so it imports nothing from the rest of the package.
"""

import io
import zipfile

from .marks import Marks
from .ods import read_ods
from .xls import read_xls
from .xlsx import read_xlsx

__all__ = ['Marks', 'find_marks']


def find_marks(content: bytes) -> dict[str, Marks]:
    """Find the unreadable and the merged cells in all sheets of a workbook.

    Args:
        content: An .xlsx, .xls or .ods file that the library can read.

    Returns:
        The marks by sheet name; sheets without any may be missing.

    Raises:
        ValueError, KeyError, struct.error, expat.ExpatError: The file is broken in a
            way that the library tolerates.
    """
    if not content.startswith(b'PK'):
        return read_xls(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if 'content.xml' in archive.namelist():
            return read_ods(archive)
        return read_xlsx(archive)
