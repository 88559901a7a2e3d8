"""4DME: ``gray_micro/<sub_ID>/<fold_name>/``, 60 Hz."""

from ..disk.clip_folders import OTHER_PART, Key
from ..disk.scan import ClipEntry
from ..duplicates import check_subject_spelling
from ..issues import ParsedRelease
from ..sheets import cells
from .reader import Reader, Source, read_rows

NEEDED = {
    'subject': ('sub_ID',),
    'clip': ('fold_name',),
    'onset': ('Onset',),
    'apex': ('Apex',),
    'offset': ('Offset',),
    'aus': ('AUs',),
    'emotion': ('Emotion',),
}


def read(source: Source) -> ParsedRelease:
    """Read the grayscale micro-expressions."""
    table = source.table(NEEDED)
    folders = source.clip_folders(_key, 'gray_micro/<sub_ID>/<fold_name>')
    release = read_rows(table, folders, cells.identity)
    check_subject_spelling(release)
    return release


def _key(entry: ClipEntry) -> Key | None:
    kinds = [part for part in entry.parts if part.lower().endswith('_micro')]
    if kinds and kinds[-1].lower() != 'gray_micro':
        return OTHER_PART
    if len(entry.parts) < 2:
        return None
    return entry.parts[-2], entry.parts[-1]


READER = Reader('4dme', '4dme', 60.0, read, '4DME, grayscale micro-expressions')
