import os

import pytest

from mmaction_mer.datasets.preparation.disk.folders import list_images
from mmaction_mer.datasets.preparation.disk.walk import Place, walk
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


def test_other_files_are_left_alone(tmp_path):
    touch(tmp_path / 'c', 'img1.jpg', 'img2.jpg', 'Thumbs.db', '.img3.jpg', 'a.jpg')
    frames = list_images(touch(tmp_path / 'c', 'crop_1.jpg'))
    assert list(frames.files) == [1, 2]
    assert sorted(frames.strangers) == ['a.jpg', 'crop_1.jpg']


def test_two_files_of_one_number_are_refused(tmp_path):
    folder = touch(tmp_path / 'c', 'img1.jpg', 'img01.jpg')
    with pytest.raises(
        MERDataError, match=r'img01\.jpg and img1\.jpg are both frame 1'
    ):
        list_images(folder)


def test_empty_and_missing_folders_are_named(tmp_path):
    with pytest.raises(MERDataError, match=r'(?s)c:.*no image'):
        list_images(touch(tmp_path / 'c', 'notes.txt'))
    with pytest.raises(MERDataError, match='cannot be read'):
        list_images(tmp_path / 'd')


def test_clips_are_folders_of_images_and_videos(tmp_path):
    touch(tmp_path / 'sub02' / 'b', '1.jpg')
    touch(tmp_path / 'sub01' / 'a', '1.jpg')
    touch(tmp_path / '.hidden', '1.jpg')
    touch(tmp_path / 'videos', '7.mp4', '._7.mp4')
    touch(tmp_path, 'cover.jpg')
    (tmp_path / 'link').symlink_to(tmp_path / 'sub01')
    places = [one for one in walk(tmp_path) if isinstance(one, Place)]
    assert [place.parts for place in places] == [
        ('sub01', 'a'),
        ('sub02', 'b'),
        ('videos', '7'),
    ]


def test_what_is_no_file_is_no_frame_but_is_told_of(tmp_path):
    folder = touch(tmp_path / 'c', 'img1.jpg', 'img3.jpg')
    os.mkfifo(folder / 'img2.jpg')
    (folder / 'img4.jpg').symlink_to('/dev/zero')
    (folder / 'img5.jpg').symlink_to(folder / 'img5.jpg')
    frames = list_images(folder)
    assert list(frames.files) == [1, 3]
    assert sorted(frames.strangers) == ['img2.jpg', 'img4.jpg', 'img5.jpg']
