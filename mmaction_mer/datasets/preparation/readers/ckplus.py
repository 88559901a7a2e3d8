"""CK+: ``cohn-kanade-images/S005/001/*.png`` from neutral to the apex.

A third of the sequences has a label, a number in a text file of a parallel folder.
"""

import re
from dataclasses import replace
from pathlib import Path

from ....utils.errors import MERDataError
from ....utils.files import read_regular
from ..disk.clip_folders import ELSEWHERE, Key, read_labelled
from ..disk.folders import list_images
from ..disk.walk import Place, is_of_system
from ..issues import Clip, Finding, Reading
from .reader import Reader, Source

EMOTIONS = {
    1: 'anger',
    2: 'contempt',
    3: 'disgust',
    4: 'fear',
    5: 'happiness',
    6: 'sadness',
    7: 'surprise',
}
# The sequences were digitised at the rate of video.
FPS = 30.0
# A label is one number.
_MOST_BYTES = 1000


def read(source: Source) -> Reading:
    """Read all sequences; those without a label are 'unlabelled'."""
    labels: dict[Key, list[Path]] = {}
    for path in sorted(source.root.rglob('*_emotion.txt')):
        if not is_of_system(path.relative_to(source.root)):
            labels.setdefault(path.parts[-3:-1], []).append(path)
    places = source.places(_key, 'cohn-kanade-images/S005/001', without_copies=True)
    reading = read_labelled(
        places,
        lambda key, path: Clip(key[0], '_'.join(key), 'unlabelled', path, whole=True),
        'not in <subject>/<sequence>, such as S005/001',
    )
    sequences, reading.clips = reading.clips, []
    if not labels:
        reason = 'no file such as Emotion/S005/001/..._emotion.txt: nothing is labelled'
        reading.findings.append(Finding(None, '', 'emotion', 'noted', reason))
    for key, clip in zip(places, sequences, strict=True):
        if key in labels:
            found = {_read_label(one) for one in labels[key]}
            number = found.pop()
            if found or number not in EMOTIONS:
                files = ', '.join(one.name for one in labels[key])
                reason = f'{files}: not one number from 1 to 7'
                reading.findings.append(clip.finding('emotion', 'skipped', reason))
                continue
            clip = replace(clip, emotion=EMOTIONS[number])
        if numbers := _numbers(places[key]):
            # From the first frame, without expression, to the last, its peak.
            first, last = numbers[0], numbers[-1]
            clip = replace(clip, onset=first, apex=last, offset=last, whole=False)
        reading.clips.append(clip)
    for key in sorted(labels.keys() - {**places, **places.blocked}.keys()):
        reason = 'a label without a sequence'
        reading.findings.append(Finding(None, '/'.join(key), 'frames', 'noted', reason))
    return reading


def _numbers(path: Path) -> list[int]:
    try:
        return list(list_images(path).files)
    except MERDataError:
        return []  # the same error is listed where the disk is asked


def _read_label(path: Path) -> int | None:
    try:
        number = float(read_regular(path, _MOST_BYTES).decode('ascii').strip())
        return int(number) if number == int(number) else None
    except (OSError, ValueError, OverflowError):
        return None


def _key(place: Place) -> Key | None:
    parts = place.parts
    # Labels lie in folders of the same names, which are empty for most sequences.
    if any(re.match(r'(?i)(emotion|facs|landmarks?)', part) for part in parts[:-2]):
        return ELSEWHERE
    if len(parts) < 2 or not re.fullmatch(r'S[0-9]+', parts[-2]):
        return None
    return (parts[-2], parts[-1]) if parts[-1].isdigit() else None


READER = Reader('ckplus', 'ckplus', FPS, read, 'CK+', 'macro-expression recognition')
