"""Macro-expressions to pre-train on: DFEW and CK+."""

import random
from collections.abc import Collection
from pathlib import Path

from .pictures import Files, write_clips
from .sheets import write_csv
from .truth import Truth, deal, same

# The labels 1 to 7 of DFEW.
DFEW_EMOTIONS = {
    'happy': 42, 'sad': 28, 'neutral': 35, 'angry': 28, 'surprise': 21,
    'disgust': 7, 'fear': 14,
}  # fmt: skip
# The labels 1 to 7 of CK+.
CKPLUS_EMOTIONS = {
    'anger': 45, 'contempt': 18, 'disgust': 59, 'fear': 25, 'happy': 69,
    'sadness': 28, 'surprise': 83,
}  # fmt: skip
CKPLUS_SEQUENCES = 593


def write_dfew(
    root: Path, layout: str = 'folders', missing: Collection[tuple[str, str]] = ()
) -> Truth:
    """Write 175 clips like DFEW's; every clip is its own subject.

    Args:
        root: Folder for ``Clip/`` and five sets of ``train(single-labeled)/set_1.csv``
            and ``test(single-labeled)/set_1.csv``, each of all clips. ``part`` is the
            list of set 1 with a row, ``line`` its line.
        layout: 'folders': ``Clip/clip_224x224/00001/00001_00001.jpg``, or 'mp4':
            ``Clip/original/1.mp4``, frames counted from 0.
        missing: (subject, clip) without a folder or video.
    """
    assert layout in ('folders', 'mp4')
    rows = deal(DFEW_EMOTIONS, [''], 'dfew')
    random.Random('dfew').shuffle(rows)
    labels = list(DFEW_EMOTIONS)
    for index, row in enumerate(rows):
        row.clip = row.subject = f'{index + 1:05}'
        count = 5 + index % 8
        if layout == 'folders':
            row.frames = list(range(1, count + 1))
            row.folder = f'Clip/clip_224x224/{row.clip}'
            row.template = f'{row.clip}_{{:05d}}.jpg'
        else:
            row.frames = list(range(count))
            row.folder = f'Clip/original/{index + 1}.mp4'
        row.onset, row.offset = row.frames[0], row.frames[-1]
    for fold in range(1, 6):
        for part in ('train', 'test'):
            lines = [['video_name', 'label']]
            for index, row in enumerate(rows):
                if (index % 5 == fold - 1) != (part == 'test'):
                    continue
                # A number without the padding of the folder's name.
                lines.append([int(row.clip), 1 + labels.index(row.emotion)])
                if fold == 1:
                    row.part, row.line = part, len(lines)
                    row.cells = dict(zip(lines[0], lines[-1], strict=True))
            write_csv(root / f'{part}(single-labeled)' / f'set_{fold}.csv', lines)
    path = root / 'train(single-labeled)' / 'set_1.csv'
    truth = Truth('dfew', root, rows, 25.0, {'7class': same(*labels)}, path)
    write_clips(truth, missing)
    return truth


def write_ckplus(root: Path, missing: Collection[tuple[str, str]] = ()) -> Truth:
    """Write CK+: 593 sequences of 123 subjects, of which 327 of 118 have a label.

    A sequence goes from neutral to the apex, its last frame.

    Args:
        root: Folder for ``cohn-kanade-images/S005/001/S005_001_00000001.png`` and
            ``Emotion/S005/001/S005_001_00000011_emotion.txt``; without a label the
            folder of the latter is empty.
        missing: (subject, clip) without a folder of frames.
    """
    subjects = [f'S{n:03}' for n in range(5, 128)]
    words = [word for word, count in CKPLUS_EMOTIONS.items() for _ in range(count)]
    random.Random('ckplus').shuffle(words)
    rows = deal({'': len(words)}, subjects[:118], 'ckplus')
    for row, word in zip(rows, words, strict=True):
        row.emotion = word
    rows += deal({'': CKPLUS_SEQUENCES - len(words)}, subjects, 'ckplus rest')
    rows.sort(key=lambda row: (row.subject, row.emotion))
    labels, number, files = list(CKPLUS_EMOTIONS), 0, Files()
    for index, row in enumerate(rows):
        number = 1 if rows[index - 1].subject != row.subject else number + 1
        row.clip = f'{number:03}'
        row.frames = list(range(1, 6 + index % 7))
        row.onset, row.apex, row.offset = 1, row.frames[-1], row.frames[-1]
        row.folder = f'cohn-kanade-images/{row.subject}/{row.clip}'
        stem = f'{row.subject}_{row.clip}'
        row.template = f'{stem}_{{:08d}}.png'
        folder = root / 'Emotion' / row.subject / row.clip
        folder.mkdir(parents=True)
        if row.emotion:
            label = f'   {1 + labels.index(row.emotion):.7e}\n'
            files.put(folder / f'{stem}_{row.offset:08}_emotion.txt', label.encode())
        else:
            row.mark('no label', 'absent')
    truth = Truth('ckplus', root, rows, 30.0, {'7class': same(*labels)})
    write_clips(truth, missing, grey=True)
    return truth
