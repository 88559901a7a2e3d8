import itertools

import cv2
import numpy as np
import pytest
from preparing import write_frames, write_table


@pytest.fixture
def mini(tmp_path):
    """A release of two subjects, four clips, six frames; levels are 10 clip + frame."""
    root = tmp_path / 'release'
    rows = []
    for number, (who, clip) in enumerate(itertools.product(('p1', 'p2'), 'ab')):
        write_frames(root / who / clip, range(10 * number + 1, 10 * number + 7))
        rows.append(f'{who},{clip},{"sad" if number % 2 else "happy"},30')
    write_table(root, *rows, header='subject,clip,emotion,fps')
    return root


@pytest.fixture(scope='session')
def faces(tmp_path_factory):
    """A release of one real face: shifted, gray, rotated, and a wall without a face."""
    from skimage import data

    root = tmp_path_factory.mktemp('faces')
    color = data.astronaut()[:320, 60:380, ::-1]
    rotation = cv2.getRotationMatrix2D((160, 120), 12, 1.0)
    images = {
        'plain': color,
        'grey': cv2.cvtColor(color, cv2.COLOR_BGR2GRAY),
        'tilted': cv2.warpAffine(color, rotation, (320, 320)),
        'wall': cv2.resize(data.brick(), (320, 320)),
    }
    rows = []
    for number, (clip, image) in enumerate(images.items()):
        folder = root / clip
        folder.mkdir()
        rows.append(f's{number},{clip},{"happy" if number % 2 else "sad"}')
        for frame in range(3):
            moved = np.roll(image, frame, axis=1)
            assert cv2.imwrite(str(folder / f'img{98 + frame}.png'), moved)
    write_table(root, *rows, header='subject,clip,emotion')
    return root
