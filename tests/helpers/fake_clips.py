"""Rows of an annotation, and the frames or video that they name."""

import cv2
import numpy as np

classes = ['negative', 'positive', 'surprise']


def row(subject='sub01', clip='c1', **changes):
    """Return a valid row; a value of ``...`` removes the field."""
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


def video_row(name, **changes):
    """Return a row of a video."""
    fields = dict(frame_dir=..., filename_tmpl=..., video=str(name), apex=None)
    return row(**fields | changes)


def content(*rows, **metainfo):
    """Return an annotation of some rows."""
    return {
        'metainfo': {'dataset': 'fake', 'classes': list(classes), 'format': 1}
        | metainfo,
        'data_list': list(rows) or [row()],
    }


def write_frames(folder, numbers, template='img{}.jpg', size=8):
    """Write gray frames whose brightness is 10 times their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image = np.full((size, size, 3), 10 * number % 250, np.uint8)
        assert cv2.imwrite(str(folder / template.format(number)), image)
    return folder


def write_video(path, count, size=(48, 64)):
    """Write a video whose frames have 12 times their number in red."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fourcc = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), fourcc, 30, size[::-1])
    assert writer.isOpened()
    for index in range(count):
        writer.write(np.full((*size, 3), (0, 0, 12 * index), np.uint8))
    writer.release()
    return path
