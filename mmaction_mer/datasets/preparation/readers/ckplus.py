"""CK+: ``cohn-kanade-images/S005/001/*.png`` from neutral to the apex.

More than half of the sequences have a label, a number in a text file of a parallel
folder.
"""

import re
from dataclasses import replace
from pathlib import Path

from ....utils.errors import MERDataError
from ....utils.files import read_regular
from ..disk.clip_folders import OTHER_PART, Key
from ..disk.frame_files import list_images
from ..disk.scan import ClipEntry, is_system_path
from ..issues import Clip, Issue, ParsedRelease
from .reader import Reader, Source, read_labeled_folders

EMOTIONS = {
    1: 'anger',
    2: 'contempt',
    3: 'disgust',
    4: 'fear',
    5: 'happiness',
    6: 'sadness',
    7: 'surprise',
}
# The sequences were digitized at the frame rate of NTSC video.
FPS = 30.0
# A label is one number.
_MAX_BYTES = 1000


def read(source: Source) -> ParsedRelease:
    """Read all sequences; those without a label are 'unlabelled'."""
    labels: dict[Key, list[Path]] = {}
    for path in sorted(source.root.rglob('*_emotion.txt')):
        if not is_system_path(path.relative_to(source.root)):
            labels.setdefault(path.parts[-3:-1], []).append(path)
    folders = source.clip_folders(_key, 'cohn-kanade-images/S005/001', skip_copies=True)
    release = read_labeled_folders(
        folders,
        lambda key, path: Clip(key[0], '_'.join(key), 'unlabelled', path, whole=True),
        'not in <subject>/<sequence>, such as S005/001',
    )
    sequences, release.clips = release.clips, []
    if not labels:
        reason = 'no file such as Emotion/S005/001/..._emotion.txt: no clip has a label'
        release.issues.append(Issue(None, '', 'emotion', 'noted', reason))
    for key, clip in zip(folders, sequences, strict=True):
        if key in labels:
            found = {_read_label(one) for one in labels[key]}
            number = found.pop()
            if found or number not in EMOTIONS:
                files = ', '.join(one.name for one in labels[key])
                reason = f'{files}: not one number from 1 to 7'
                release.issues.append(clip.issue('emotion', 'skipped', reason))
                continue
            clip = replace(clip, emotion=EMOTIONS[number])
        if numbers := _frame_numbers(folders[key]):
            # From the first frame, without expression, to the last, its peak.
            first, last = numbers[0], numbers[-1]
            clip = replace(clip, onset=first, apex=last, offset=last, whole=False)
        release.clips.append(clip)
    for key in sorted(labels.keys() - {**folders, **folders.unusable}.keys()):
        reason = 'a label without a sequence'
        release.issues.append(Issue(None, '/'.join(key), 'frames', 'noted', reason))
    return release


def _frame_numbers(path: Path) -> list[int]:
    try:
        return list(list_images(path).files)
    except MERDataError:
        return []  # reconcile_clips reports the same error


def _read_label(path: Path) -> int | None:
    try:
        number = float(read_regular(path, _MAX_BYTES).decode('ascii').strip())
        return int(number) if number == int(number) else None
    except (OSError, ValueError, OverflowError):
        return None


def _key(entry: ClipEntry) -> Key | None:
    parts = entry.parts
    # Labels are in folders of the same names, which are empty for most sequences.
    if any(re.match(r'(?i)(emotion|facs|landmarks?)', part) for part in parts[:-2]):
        return OTHER_PART
    if len(parts) < 2 or not re.fullmatch(r'S[0-9]+', parts[-2]):
        return None
    return (parts[-2], parts[-1]) if parts[-1].isdigit() else None


READER = Reader('ckplus', 'ckplus', FPS, read, 'CK+', 'macro-expression recognition')
