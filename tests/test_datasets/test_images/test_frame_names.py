"""The frames of a clip in a folder are the same for all readers."""

import cv2
import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import row

from mmaction_mer.apis import open_frame_source
from mmaction_mer.datasets.clips import load_clip, locate, usable_clips
from mmaction_mer.datasets.images.frame_folder import list_frames
from mmaction_mer.datasets.images.frame_names import (
    FrameNameError,
    by_number,
    by_template,
)
from mmaction_mer.datasets.preparation.disk.frame_files import list_images


def write(folder, levels):
    """Write images of one gray level each, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, level in levels.items():
        ending = '.' + name.rsplit('.', 1)[1].lower()
        image = np.full((24, 24, 3), level, np.uint8)
        cv2.imencode(ending, image)[1].tofile(folder / name)
    return folder


def numbered(form, numbers):
    """Return names of frames whose gray level is four times their number."""
    return {form.format(number): 4 * number for number in numbers}


def shown(images):
    """Return frame numbers by their brightness."""
    return [round(float(np.mean(image)) / 4) for image in images]


BESIDE: dict[str, list[str]] = {
    'copies': ['img5 (1).png', 'img5 - Copy.png', 'Copy of img5.png', 'img5_copy.png',
               'img5 copy 2.png', 'IMG5 2.PNG', 'img5 - Copy (2).png',
               'img5 (copy).png', 'img5 - Kopie.png', 'img5(1).png'],
    'key frames': ['apex.png', 'onset.png', 'apex 5.png', 'offset_12.png'],
    'thumbnails': [f'img{n}_thumb.jpg' for n in range(1, 13)],
    'a copy of all': [f'img{n} - Copy.png' for n in range(1, 13)],
    'others': ['cover.jpg', 'contact_sheet.jpg', '1 of 2.bmp'],
}  # fmt: skip


@pytest.mark.parametrize('kind', BESIDE)
def test_other_images_are_not_frames(tmp_path, kind):
    """Training, preparation and prediction see the same clip."""
    folder = write(tmp_path / 'c', numbered('img{}.png', range(1, 13)))
    write(folder, dict.fromkeys(BESIDE[kind], 250))
    source = open_frame_source(folder, fps=100)
    assert shown(source.frames()) == [*range(1, 13)]
    assert source.count == 12 and len(source.notes) == 1
    assert source.notes[0].startswith(f'{len(BESIDE[kind])} other ')
    listed = list_images(folder)
    assert [*listed.files] == [*range(1, 13)] and listed.template == 'img{}.png'
    assert sorted(listed.ignored) == sorted(BESIDE[kind])
    assert [*list_frames(str(folder), 'img{}.png')] == [*range(1, 13)]


def test_unsupported_images_are_reported(tmp_path):
    folder = write(tmp_path / 'c', numbered('img{}.png', [1, 2, 3]))
    for name in ('img4.gif', 'img5.HEIC', 'notes.txt'):
        (folder / name).write_bytes(b'x')
    (folder / 'img6.png').mkdir()
    (note,) = open_frame_source(folder, 25).notes
    assert '3 other ' in note and 'img6.png, img4.gif, img5.HEIC' in note


@pytest.mark.parametrize('gaps', [[5], [2, 3, 4], [3, 5, 7, 9, 11], [6, 12]])
def test_missing_frames_are_replaced_as_in_training(tmp_path, gaps):
    numbers = [n for n in range(1, 14) if n not in gaps]
    write(tmp_path / 'c', numbered('img{}.png', numbers))
    one = row(frame_dir='c', filename_tmpl='img{}.png', onset=1, apex=None, offset=13)
    source = open_frame_source(tmp_path / 'c', fps=200)
    trained = load_clip(locate(one, str(tmp_path)))
    assert shown(source.frames()) == shown(trained['imgs'])
    assert source.count == trained['total_frames'] == 13
    assert source.fps == trained['fps'] == 200
    assert source.notes[0].startswith(f'{len(gaps)} of the frames 1..13 are missing')


def test_most_numbers_may_be_missing(tmp_path):
    """Time stamps in milliseconds, or every fourth frame."""
    write(tmp_path / 't', numbered('t{}.png', [0, 10, 20, 30]))
    source = open_frame_source(tmp_path / 't', fps=25)
    filled = [0] * 6 + [10] * 10 + [20] * 10 + [30] * 5
    assert shown(source.frames()) == filled
    assert '27 of the frames 0..30 are missing' in source.notes[0]
    write(tmp_path / 'c', numbered('img{}.png', range(1, 42, 4)))
    one = row(frame_dir='c', filename_tmpl='img{}.png', onset=1, apex=None, offset=41)
    trained = shown(load_clip(locate(one, str(tmp_path)))['imgs'])
    assert shown(open_frame_source(tmp_path / 'c', 100.0).frames()) == trained
    assert len(trained) == 41 and trained[:4] == [1, 1, 1, 5]
    # Numbers may also be times of day, which need no memory.
    write(tmp_path / 'd', numbered('{}.png', (1, 2)))
    write(tmp_path / 'd', {f'{10**15}.png': 0})
    with raises_data_error():
        open_frame_source(tmp_path / 'd', 100.0)


@pytest.mark.parametrize(
    'names',
    [
        ['0.03.png', '0.015.png', '0.045.png'],
        ['0.000.png', '0.005.png', '0.010.png', '1.000.png'],
        ['t=0,03s.jpg', 't=0,06s.jpg', 't=0,1s.jpg'],
        ['0.png', '0.5.png', '1.png', '1.5.png', '2.png'],
        ['t0.967.png', 't1.000.png', 't1.033.png', 't1.067.png'],
        ['frame_33.3.png', 'frame_66.7.png', 'frame_100.0.png'],
    ],
)
def test_decimals_are_rejected(tmp_path, names):
    """0.015 is before 0.03, but 15 is after 3."""
    folder = write(tmp_path / 'c', dict.fromkeys(names, 9))
    for read in (lambda: open_frame_source(folder, 25), lambda: list_images(folder)):
        with raises_data_error('not a frame number') as caught:
            read()
        assert any(name in str(caught.value) for name in names)


def test_a_template_that_splits_decimals_is_rejected(tmp_path):
    write(tmp_path, dict.fromkeys(['0.03.png', '0.015.png', '0.1.png'], 9))
    with raises_data_error('0.015.png', clip='c1', path=tmp_path):
        list_frames(str(tmp_path), '0.{}.png', 'c1')
    write(tmp_path / 'd', numbered('0.{:03d}.png', range(5, 9)))
    assert [*list_frames(str(tmp_path / 'd'), '0.{}.png')] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ('names', 'template'),
    [
        ([f'cam1.{n:03d}.png' for n in range(1, 61)], 'cam1.{}.png'),
        ([f'shot01.{n:04d}.png' for n in range(9)], 'shot01.{}.png'),
        ([f'rec 14.11.2024.{n}.png' for n in range(9)], 'rec 14.11.2024.{}.png'),
        ([f'v1.2.{n}.png' for n in range(9)], 'v1.2.{}.png'),
        ([f'img ({n}).jpg' for n in range(9)], 'img ({}).jpg'),
        ([f's5 ({n}).jpg' for n in range(60)] + ['s5.jpg'], 's5 ({}).jpg'),
        ([f'img{n} (1).jpg' for n in range(9)], 'img{} (1).jpg'),
        ([f'frame{n}_of_9.tif' for n in range(9)], 'frame{}_of_9.tif'),
        ([f'006_{n:05d}.jpg' for n in range(9)], '006_{}.jpg'),
        ([f'{n}.pgm' for n in range(9)], '{}.pgm'),
    ],
)
def test_one_number_of_a_name_counts_the_frames(names, template):
    """Also beside dates and versions, and in renamed copies."""
    named = by_number(names)
    assert named.template == template
    first = min(named.files)
    assert [*named.files] == [*range(first, first + len(named.files))]
    assert len(named.files) >= 9 and len(named.others) == len(names) - len(named.files)


@pytest.mark.parametrize('second', ['depth{}.png', 'reg_img{}.jpg', 'right_{:03d}.bmp'])
def test_two_clips_in_one_folder_are_rejected(tmp_path, second):
    folder = write(tmp_path / 'c', numbered('img{}.png', range(10)))
    write(folder, numbered(second, range(8)))
    for read in (lambda: open_frame_source(folder, 25), lambda: list_images(folder)):
        with raises_data_error("10 such as 'img0.png' and 8"):
            read()
    # The template of an annotation decides.
    assert [*list_frames(str(folder), 'img{}.png')] == [*range(10)]
    assert [*list_frames(str(folder), second)] == [*range(8)]


MIXED = [
    ('img{}.png', 'img{}.PNG'),
    ('img{}.jpg', 'img{}.jpeg'),
    ('img{}.JPG', 'img{}.jpeg'),
    ('img{}.tif', 'img{}.TIFF'),
    ('img{}.bmp', 'img{}.Bmp'),
    ('img{}.jpg', 'img{}.png'),
    ('img{}.png', 'IMG{}.png'),
    ('img{}.png', 'Img{:04d}.PNG'),
    ('{}.jpg', '{:03d}.JPEG'),
]


@pytest.mark.parametrize(('first', 'second'), MIXED)
def test_suffix_and_case_may_differ(tmp_path, first, second):
    write(tmp_path / 'c', numbered(first, range(2, 14, 2)))
    write(tmp_path / 'c', numbered(second, range(3, 14, 2)))
    for template in (first, second):
        one = row(frame_dir='c', filename_tmpl=template, onset=2, apex=None, offset=13)
        usable = usable_clips([one], str(tmp_path))
        assert usable.notes == []
        clip = load_clip(usable.rows[0])
        assert shown(clip['imgs']) == [*range(2, 14)]
        assert clip['frame_inds'].tolist() == [*range(2, 14)]
    source = open_frame_source(tmp_path / 'c', fps=100)
    assert shown(source.frames()) == [*range(2, 14)] and source.notes == []
    assert [*list_images(tmp_path / 'c').files] == [*range(2, 14)]


def test_exact_names_have_priority(tmp_path):
    """Other spellings fill gaps, unless a suffix repeats a number."""
    write(tmp_path, {'img1.png': 4, 'img1.PNG': 99, 'IMG2.PNG': 8, 'img4.png': 16})
    frames = list_frames(str(tmp_path), 'img{}.png')
    assert [path.rsplit('/', 1)[1] for path in frames.values()] == [
        'img1.png', 'IMG2.PNG', 'img4.png',
    ]  # fmt: skip
    write(tmp_path, {'img3.jpg': 12})
    assert [*list_frames(str(tmp_path), 'img{}.png')] == [1, 2, 3, 4]
    write(tmp_path, {'img4.jpg': 12})  # now the JPEG files are another set
    assert [*list_frames(str(tmp_path), 'img{}.png')] == [1, 2, 4]


@pytest.mark.parametrize(
    'twice',
    [('img5.jpg', 'img5.png'), ('img05.png', 'img5.png'), ('IMG5.png', 'img5.PNG')],
)
def test_two_files_with_one_number(tmp_path, twice):
    """They differ in suffix, case or zero padding."""
    folder = write(tmp_path / 'c', numbered('img{}.png', [1, 2, 3, 4]))
    write(folder, dict.fromkeys(twice, 20))
    for read in (lambda: open_frame_source(folder, 25), lambda: list_images(folder)):
        with raises_data_error(*twice, 'both frame 5'):
            read()
    with pytest.raises(FrameNameError, match='both frame 5'):
        by_template(['img05.JPG', 'img5.jpg', 'img1.png'], ('img', '.png'))


def test_many_names():
    names = [f'2024-11-14 cam 2 subject 17 frame {n}.png' for n in range(50_000)]
    named = by_number(names)
    assert len(named.files) == 50_000 and named.others == ()
