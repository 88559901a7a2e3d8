import cv2
import numpy as np
import pytest

CLASSES = ['negative', 'positive', 'surprise']


def row(subject='sub01', clip='c1', **changes):
    """A sound row; a value of ``...`` takes the field away."""
    fields = {
        'dataset': 'fake',
        'subject': subject,
        'clip': clip,
        'frame_dir': f'{subject}/{clip}',
        'filename_tmpl': 'img{}.jpg',
        'onset': 3,
        'apex': 7,
        'offset': 12,
        'fps': 200.0,
        'label': 0,
        'emotion': 'disgust',
        'aus': ['4', 'R12'],
    }
    fields.update(changes)
    return {key: value for key, value in fields.items() if value is not ...}


def content(*rows):
    return {
        'metainfo': {'dataset': 'fake', 'classes': list(CLASSES), 'format': 1},
        'data_list': list(rows) or [row()],
    }


def write_frames(folder, numbers, template='img{}.jpg', size=8):
    """Grey frames whose brightness is 10 times their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image = np.full((size, size, 3), 10 * number % 250, np.uint8)
        assert cv2.imwrite(str(folder / template.format(number)), image)
    return folder


def write_video(path, count, size=(48, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    fourcc = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), fourcc, 30, size[::-1])
    assert writer.isOpened()
    for index in range(count):
        writer.write(np.full((*size, 3), (0, 0, 12 * index), np.uint8))
    writer.release()
    return path


@pytest.fixture
def fake():
    """The helpers above, since test files cannot import each other here."""
    from types import SimpleNamespace

    return SimpleNamespace(
        classes=CLASSES,
        row=row,
        content=content,
        write_frames=write_frames,
        write_video=write_video,
    )
