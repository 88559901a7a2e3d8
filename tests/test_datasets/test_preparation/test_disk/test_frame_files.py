import os

import pytest

from mmaction_mer.datasets.preparation.disk.frame_files import list_images
from mmaction_mer.utils.errors import MERDataError


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ('names', 'template', 'numbers'),
    [
        (['img46.jpg', 'img100.jpg', 'img9.jpg'], 'img{}.jpg', [9, 46, 100]),
        (['006_05562.jpg', '006_05561.jpg'], '006_{}.jpg', [5561, 5562]),
        (['10.bmp', '9.bmp'], '{}.bmp', [9, 10]),
        (['00001_00012.png', '00001_00003.png'], '00001_{}.png', [3, 12]),
        (['f{1}_2_crop.JPG', 'f{1}_10_crop.JPG'], 'f{{1}}_{}_crop.JPG', [2, 10]),
    ],
)
def test_natural_order_whatever_the_names(tmp_path, names, template, numbers):
    frames = list_images(touch(tmp_path / 'c', *names))
    assert frames.template == template
    assert list(frames.files) == numbers
    assert set(frames.files.values()) == set(names)


def test_other_images_are_ignored_and_listed(tmp_path):
    """Among them what is not a file: a pipe, a device, a link to itself."""
    others = ['a.jpg', 'crop_1.jpg', 'img2.jpg', 'img4.jpg', 'img5.jpg']
    folder = touch(tmp_path / 'c', 'img1.jpg', 'img3.jpg', *others[:2], 'Thumbs.db')
    touch(folder, '.img3.jpg')
    os.mkfifo(folder / 'img2.jpg')
    (folder / 'img4.jpg').symlink_to('/dev/zero')
    (folder / 'img5.jpg').symlink_to(folder / 'img5.jpg')
    frames = list_images(folder)
    assert list(frames.files) == [1, 3]
    assert sorted(frames.ignored) == others


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['img1.jpg', 'img01.jpg'], r"'img01\.jpg' and 'img1\.jpg' are both frame 1"),
        (['notes.txt'], 'no image'),
        (None, 'cannot be read'),
    ],
)
def test_folders_that_are_not_one_clip(tmp_path, names, message):
    folder = tmp_path / 'c'
    if names:
        touch(folder, *names)
    with pytest.raises(MERDataError, match=message) as error:
        list_images(folder)
    assert error.value.path == str(folder)
