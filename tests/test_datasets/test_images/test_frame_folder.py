import os

import cv2
import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import row, video_row, write_frames, write_video
from hypothesis import given
from hypothesis import strategies as st

from mmaction_mer.datasets.clips import load_clip, locate, usable_clips
from mmaction_mer.datasets.images.frame_folder import (
    choose_frames,
    list_frames,
    read_images,
    sample_positions,
    sampled_fps,
)
from mmaction_mer.datasets.video.reader import read_video


@pytest.mark.parametrize(
    ('written', 'template'),
    [
        ('img{}.jpg', 'img{}.jpg'),
        ('img{:05d}.jpg', 'img{:05d}.jpg'),
        ('006_{:05d}.jpg', '006_{}.jpg'),
        ('{}.png', '{}.png'),
        ('reg_img{}.bmp', 'reg_img{:04d}.bmp'),
    ],
)
def test_frames_are_listed_by_number(tmp_path, written, template):
    numbers = [9, 10, 99, 100, 46, 255]
    folder = write_frames(tmp_path / 'c', numbers, written)
    (folder / 'Thumbs.db').write_text('')
    (folder / 'imgx.jpg').write_text('')
    frames = list_frames(str(folder), template)
    assert frames == {n: str(folder / written.format(n)) for n in sorted(numbers)}
    assert list(frames) == sorted(numbers)


def test_the_whole_name_must_match(tmp_path):
    write_frames(tmp_path, [1, 2], 'img{}.jpg')
    write_frames(tmp_path, [3], 'reg_img{}.jpg')
    write_frames(tmp_path, [4], 'img{}.jpg.png')
    (tmp_path / 'img5xjpg').write_text('')  # the dot is not a wildcard
    (tmp_path / 'img٣.jpg').write_text('')  # not an ASCII digit
    assert list(list_frames(str(tmp_path), 'img{}.jpg')) == [1, 2]


def test_errors_of_list_frames(tmp_path):
    def check(words, template='img{}.jpg', folder=tmp_path, **fields):
        with raises_data_error(words, clip='x', **fields):
            list_frames(str(folder), template, 'x')

    check('not found', folder=tmp_path / 'gone', path='gone', field='frame_dir')
    check('the folder is empty', path=tmp_path, field='filename_tmpl')
    write_frames(tmp_path, [1], 'img{}.jpg')
    check("contains 'img1.jpg'", 'reg_img{}.jpg', field='filename_tmpl')
    check('', 'img.jpg', field='filename_tmpl')
    write_frames(tmp_path, [1], 'img{:03d}.jpg')
    check("'img001.jpg' and 'img1.jpg' are both", path=tmp_path)


@given(st.integers(2, 5000), st.none() | st.integers(2, 200))
def test_positions_are_regular_with_both_ends(total, max_frames):
    positions = sample_positions(total, max_frames)
    count = total if max_frames is None else min(total, max_frames)
    assert len(positions) == count
    assert positions[0] == 0 and positions[-1] == total - 1
    steps = np.diff(positions)
    assert steps.min() >= 1 and steps.max() - steps.min() <= 1
    exact = np.arange(count) * (total - 1) / (count - 1)
    assert np.abs(positions - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(('total', 'max_frames'), [(1, None), (0, 4), (5, 1), (5, 0)])
def test_one_frame_shows_no_motion(total, max_frames):
    with raises_data_error('at least two'):
        sample_positions(total, max_frames)


@given(
    st.sets(st.integers(0, 120), min_size=1),
    st.integers(0, 60),
    st.integers(1, 60),
    st.none() | st.integers(2, 20),
)
def test_chosen_frames_exist_and_are_the_nearest(available, onset, length, max_frames):
    offset = onset + length
    inside = [number for number in available if onset <= number <= offset]
    if len(inside) < 2:
        with raises_data_error('at least two', clip='c', hint=True):
            choose_frames(list(available), onset, offset, max_frames, 'c')
        return
    chosen = choose_frames(list(available), onset, offset, max_frames)
    assert np.diff(chosen).min() >= 0
    assert chosen[0] == min(inside) and chosen[-1] == max(inside)
    wanted = onset + sample_positions(length + 1, max_frames)
    for want, got in zip(wanted, chosen, strict=True):
        assert got in inside
        assert abs(want - got) == min(abs(want - number) for number in inside)


@given(st.floats(1, 1000), st.integers(2, 500), st.integers(2, 500))
def test_sampling_keeps_the_duration(fps, total, chosen):
    rate = sampled_fps(fps, total, chosen)
    assert (chosen - 1) / rate == pytest.approx((total - 1) / fps)


def test_images_are_rgb(tmp_path):
    red = np.zeros((6, 4, 3), np.uint8)
    red[..., 2] = 255  # BGR
    path = str(tmp_path / 'red é.png')
    cv2.imencode('.png', red)[1].tofile(path)
    (image,) = read_images([path])
    assert image.shape == (6, 4, 3) and image.dtype == np.uint8
    assert (image == [255, 0, 0]).all()
    gray = np.arange(24, dtype=np.uint8).reshape(6, 4)
    path = str(tmp_path / 'gray.png')
    cv2.imwrite(path, gray)
    (image,) = read_images([path])
    assert (image == gray[..., None]).all() and image.shape == (6, 4, 3)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_truncated_images(tmp_path, suffix):
    write_frames(tmp_path, [1, 2], 'img{}' + suffix, size=64)
    whole, truncated = (tmp_path / f'img{i}{suffix}' for i in (1, 2))
    payload = truncated.read_bytes()
    for length in (0, 5, len(payload) // 2):
        truncated.write_bytes(payload[:length])
        with raises_data_error(path=truncated, clip='fake/s/c', hint=True):
            read_images([str(whole), str(truncated)], 'fake/s/c')


def test_other_unreadable_images(tmp_path):
    write_frames(tmp_path, [1])
    write_frames(tmp_path, [2], size=16)
    (tmp_path / 'text.jpg').write_text('not an image')
    for name, words in (
        ('text.jpg', 'not a JPEG, PNG'),
        ('gone.jpg', 'not found'),
        ('img2.jpg', 'frame is 16x16, but'),
    ):
        with raises_data_error(words, path=name, clip='c1'):
            read_images([str(tmp_path / one) for one in ('img1.jpg', name)], 'c1')


def test_video_frames_by_index(tmp_path):
    path = str(write_video(tmp_path / 'v.avi', 20))
    frames = read_video(path, [0, 5, 5, 19])
    assert len(frames) == 4 and frames[0].shape == (48, 64, 3)
    red = [int(frame[..., 0].mean()) for frame in frames]
    assert np.allclose(red, [0, 60, 60, 228], atol=4)
    assert frames[3][..., 1:].max() <= 4
    assert (frames[1] == frames[2]).all()


def test_errors_of_read_video(tmp_path):
    write_video(tmp_path / 'v.avi', 5)
    (tmp_path / 'bad.mp4').write_bytes(b'not a video' * 50)
    for name, indices, words in (
        ('v.avi', [0, 5], '0..4'),
        ('v.avi', [-1, 2], '0..4'),
        ('gone.mp4', [0], 'not found'),
        ('bad.mp4', [0], 'cannot be read'),
    ):
        with raises_data_error(words, path=name, clip='c'):
            read_video(str(tmp_path / name), indices, 'c')


def test_load_clip_by_number(tmp_path):
    write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    located = locate(row(), str(tmp_path))
    clip = load_clip(located)
    assert clip['frame_inds'].tolist() == list(range(3, 13))
    brightness = [int(image.mean().round()) for image in clip['imgs']]
    assert brightness == [10 * number for number in range(3, 13)]
    assert clip['fps'] == 200.0 and clip['total_frames'] == 10
    few = load_clip(located, 4)
    assert few['frame_inds'].tolist() == [3, 6, 9, 12]
    assert few['fps'] == pytest.approx(200 * 3 / 9) and few['total_frames'] == 10


def test_missing_frames_are_replaced_and_noted(tmp_path):
    write_frames(tmp_path / 'sub01' / 'c1', [3, 4, 5, 9, 10, 11, 12])
    usable = usable_clips([row()], str(tmp_path))
    assert usable.skipped == {} and len(usable.notes) == 1
    assert 'fake/sub01/c1: 3 of 10 frames are missing (first: 6)' in usable.notes[0]
    clip = load_clip(usable.rows[0])
    assert clip['frame_inds'].tolist() == [3, 4, 5, 5, 5, 9, 9, 10, 11, 12]
    assert clip['fps'] == 200.0


@pytest.mark.parametrize('numbers', [[3], [1, 2, 13], [100, 101, 102]])
def test_a_clip_with_one_frame_or_none(tmp_path, numbers):
    write_frames(tmp_path / 'sub01' / 'c1', numbers)
    with raises_data_error('clip fake/sub01/c1', 'at least two', path='a.json'):
        usable_clips([row()], str(tmp_path), 'a.json')
    with raises_data_error('at least two', clip='fake/sub01/c1'):
        load_clip(locate(row(), str(tmp_path)))


def test_max_missing_counts_clips(tmp_path):
    rows = [row(clip=f'c{i}') for i in range(4)]
    write_frames(tmp_path / 'sub01' / 'c0', range(1, 15))
    write_frames(tmp_path / 'sub01' / 'c2', range(1, 15))
    usable = usable_clips(rows, str(tmp_path), max_missing=2)
    assert [one['clip'] for one in usable.rows] == ['c0', 'c2']
    assert list(usable.skipped) == ['fake/sub01/c1', 'fake/sub01/c3']
    assert os.path.isabs(usable.rows[0]['frame_dir'])
    assert rows[0]['frame_dir'] == 'sub01/c0'
    for root, max_missing, words in (
        (tmp_path, 1, ['2 problem', 'c1', 'c3']),
        (tmp_path / 'sub01', 99, ['4 problem']),
        (tmp_path / 'gone', 9, ['data root']),
    ):
        with raises_data_error(*words, path='a.json'):
            usable_clips(rows, str(root), 'a.json', max_missing=max_missing)


def test_links_may_not_leave_the_root(tmp_path):
    outside = write_frames(tmp_path / 'outside', range(1, 15))
    root = tmp_path / 'root'
    (root / 'sub01').mkdir(parents=True)
    (root / 'sub01' / 'c1').symlink_to(outside)
    write_frames(root / 'sub01' / 'c2', range(1, 12))
    (root / 'sub01' / 'c2' / 'img12.jpg').symlink_to(outside / 'img12.jpg')
    write_frames(root / 'sub01' / 'c3', range(1, 15))
    (root / 'sub01' / 'c4').symlink_to(root / 'sub01' / 'c3')
    rows = [row(clip=f'c{i}') for i in (1, 2, 3, 4)]
    usable = usable_clips(rows, str(root), max_missing=2)
    assert list(usable.skipped) == ['fake/sub01/c1', 'fake/sub01/c2']
    assert all('out of the data root' in why for why in usable.skipped.values())
    # The root itself may be a link.
    (tmp_path / 'link').symlink_to(root)
    assert len(usable_clips(rows, str(tmp_path / 'link'), max_missing=2).rows) == 2


def test_videos_are_checked_and_read(tmp_path):
    names = ('good', 'short', 'bad', 'gone')
    rows = [
        video_row(f'sub01/{name}.avi', clip=name, onset=0, offset=9) for name in names
    ]
    write_video(tmp_path / 'sub01' / 'good.avi', 15)
    write_video(tmp_path / 'sub01' / 'short.avi', 8)
    (tmp_path / 'sub01' / 'bad.avi').write_bytes(b'not a video' * 50)
    usable = usable_clips(rows, str(tmp_path), max_missing=2)
    assert [one['clip'] for one in usable.rows] == ['good', 'short']
    assert 'cannot be read' in usable.skipped['fake/sub01/bad']
    assert 'not found' in usable.skipped['fake/sub01/gone']
    assert '2 of 10 frames are missing (first: 8)' in usable.notes[0]
    clip = load_clip(usable.rows[0], 4)
    assert clip['frame_inds'].tolist() == [0, 3, 6, 9]
    red = [int(image[..., 0].mean()) for image in clip['imgs']]
    assert np.allclose(red, [0, 36, 72, 108], atol=4)
    assert load_clip(usable.rows[1])['frame_inds'].tolist()[-3:] == [7, 7, 7]
    # A file that changes is indexed again.
    write_video(tmp_path / 'sub01' / 'good.avi', 7)
    assert '3 of 10' in usable_clips(rows[:1], str(tmp_path)).notes[0]


def test_repeated_frames_share_no_memory(tmp_path):
    """Transforms that work in place would otherwise change a frame twice."""
    folder = write_frames(tmp_path / 'c', [1, 2])
    images = read_images([str(folder / f'img{n}.jpg') for n in (1, 1, 2, 1)])
    images[0][:] = 99
    assert (images[1] == 10).all() and (images[3] == 10).all()
    images = read_video(str(write_video(tmp_path / 'v.avi', 4)), [1, 1, 2])
    before = images[1].copy()
    images[0][:] = 99
    assert (images[1] == before).all()
