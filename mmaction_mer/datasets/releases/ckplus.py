"""CK+: ``cohn-kanade-images/S005/001/*.png`` from neutral to the apex.

A third of the sequences has a label, a number in a text file of a parallel folder.
"""

import re
from pathlib import Path

from ...utils import read_regular
from ..annotation import MERDataError
from .findings import Clip, Finding, Reading
from .folders import Place, list_images
from .reader import Key, Reader, Source

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
    reading = Reading()
    labels: dict[Key, list[Path]] = {}
    for path in sorted(source.root.rglob('*_emotion.txt')):
        labels.setdefault(path.parts[-3:-1], []).append(path)
    others: list[Place] = []
    places = source.places(_key, 'cohn-kanade-images/S005/001', others)
    for place in others:
        name = '/'.join(place.parts)
        reason = 'not in <subject>/<sequence>, such as S005/001'
        reading.findings.append(Finding(None, name, 'frames', 'skipped', reason))
    if not labels:
        reason = 'no file such as Emotion/S005/001/..._emotion.txt: nothing is labelled'
        reading.findings.append(Finding(None, '', 'emotion', 'noted', reason))
    for key, path in places.items():
        subject, session = key
        name = f'{subject}_{session}'
        emotion = 'unlabelled'
        if key in labels:
            found = {_read_label(one) for one in labels[key]}
            number = found.pop()
            if found or number not in EMOTIONS:
                files = ', '.join(one.name for one in labels[key])
                reason = f'{files}: not one number from 1 to 7'
                reading.findings.append(
                    Finding(None, f'{subject}/{name}', 'emotion', 'skipped', reason)
                )
                continue
            emotion = EMOTIONS[number]
        numbers = _numbers(path)
        # From the first frame, without expression, to the last, its peak.
        reading.clips.append(
            Clip(subject, name, emotion, path, numbers[0], numbers[-1], numbers[-1])
            if numbers
            else Clip(subject, name, emotion, path, whole=True)
        )
    for key in sorted(labels.keys() - places.keys()):
        reason = 'a label without a sequence'
        reading.findings.append(Finding(None, '/'.join(key), 'frames', 'noted', reason))
    reading.rows = len(places)
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
    if len(parts) < 2 or not re.fullmatch(r'S[0-9]+', parts[-2]):
        return None
    return (parts[-2], parts[-1]) if parts[-1].isdigit() else None


READER = Reader('ckplus', 'ckplus', FPS, read, 'CK+', 'macro-expression recognition')
