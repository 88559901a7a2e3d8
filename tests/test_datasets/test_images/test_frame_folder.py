import os

import cv2
import numpy as np
import pytest
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
from mmaction_mer.utils.errors import MERDataError


@pytest.mark.parametrize(
    ('written', 'asked'),
    [
        ('img{}.jpg', 'img{}.jpg'),
        ('img{:05d}.jpg', 'img{:05d}.jpg'),
        ('006_{:05d}.jpg', '006_{}.jpg'),
        ('{}.png', '{}.png'),
        ('reg_img{}.bmp', 'reg_img{:04d}.bmp'),
    ],
)
def test_frames_are_listed_by_number(tmp_path, fake, written, asked):
    numbers = [9, 10, 99, 100, 46, 255]
    folder = fake.write_frames(tmp_path / 'c', numbers, written)
    (folder / 'Thumbs.db').write_text('')
    (folder / 'imgx.jpg').write_text('')
    frames = list_frames(str(folder), asked)
    assert list(frames) == sorted(numbers)
    assert all(
        path == str(folder / written.format(number)) for number, path in frames.items()
    )


def test_the_name_must_match_whole(tmp_path, fake):
    folder = fake.write_frames(tmp_path, [1, 2], 'img{}.jpg')
    fake.write_frames(tmp_path, [3], 'reg_img{}.jpg')
    fake.write_frames(tmp_path, [4], 'img{}.jpg.png')
    assert list(list_frames(str(folder), 'img{}.jpg')) == [1, 2]
    (folder / 'img5xjpg').write_text('')  # the dot is a dot
    (folder / 'img٣.jpg').write_text('')  # a digit, but not of a file number
    assert list(list_frames(str(folder), 'img{}.jpg')) == [1, 2]


def test_what_list_frames_refuses(tmp_path, fake):
    with pytest.raises(MERDataError, match=r'gone: clip x.*cannot be read'):
        list_frames(str(tmp_path / 'gone'), 'img{}.jpg', 'x')
    with pytest.raises(MERDataError, match=r'clip x.*the folder is empty'):
        list_frames(str(tmp_path), 'img{}.jpg', 'x')
    fake.write_frames(tmp_path, [1], 'img{}.jpg')
    with pytest.raises(MERDataError, match=r"no file matches.*it holds 'img1.jpg'"):
        list_frames(str(tmp_path), 'reg_img{}.jpg', 'x')
    fake.write_frames(tmp_path, [1], 'img{:03d}.jpg')
    with pytest.raises(MERDataError, match=r"'img001.jpg' and 'img1.jpg' are both"):
        list_frames(str(tmp_path), 'img{}.jpg', 'x')
    with pytest.raises(MERDataError, match='filename_tmpl'):
        list_frames(str(tmp_path), 'img.jpg', 'x')


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
def test_one_frame_is_no_motion(total, max_frames):
    with pytest.raises(MERDataError, match='two or more'):
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
        with pytest.raises(MERDataError, match='two or more'):
            choose_frames(list(available), onset, offset, max_frames)
        return
    chosen = choose_frames(list(available), onset, offset, max_frames)
    assert np.diff(chosen).min() >= 0
    assert chosen[0] == min(inside) and chosen[-1] == max(inside)
    wanted = onset + sample_positions(length + 1, max_frames)
    assert len(wanted) == len(chosen)
    for want, got in zip(wanted, chosen, strict=True):
        assert got in inside
        assert abs(want - got) == min(abs(want - number) for number in inside)


@given(st.floats(1, 1000), st.integers(2, 500), st.integers(2, 500))
def test_the_clip_lasts_as_long_after_sampling(fps, total, chosen):
    rate = sampled_fps(fps, total, chosen)
    assert (chosen - 1) / rate == pytest.approx((total - 1) / fps)


def test_images_come_as_rgb(tmp_path):
    red = np.zeros((6, 4, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes blue first
    path = str(tmp_path / 'red é.png')
    cv2.imencode('.png', red)[1].tofile(path)
    (image,) = read_images([path])
    assert image.shape == (6, 4, 3) and image.dtype == np.uint8
    assert (image == [255, 0, 0]).all()


def test_grey_images_have_three_equal_channels(tmp_path):
    grey = np.arange(24, dtype=np.uint8).reshape(6, 4)
    path = str(tmp_path / 'grey.png')
    cv2.imwrite(path, grey)
    (image,) = read_images([path])
    assert (image == grey[..., None]).all() and image.shape == (6, 4, 3)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_an_image_cut_short_is_named(tmp_path, fake, suffix):
    fake.write_frames(tmp_path, [1, 2], 'img{}' + suffix, size=64)
    whole, cut = (str(tmp_path / f'img{i}{suffix}') for i in (1, 2))
    payload = open(cut, 'rb').read()
    for length in (0, 5, len(payload) // 2):
        with open(cut, 'wb') as file:
            file.write(payload[:length])
        with pytest.raises(
            MERDataError, match=rf'img2\{suffix}: clip fake/s/c: not a wh'
        ):
            read_images([whole, cut], 'fake/s/c')


def test_other_unreadable_images(tmp_path, fake):
    fake.write_frames(tmp_path, [1])
    text = tmp_path / 'text.jpg'
    text.write_text('not an image')
    with pytest.raises(MERDataError, match=r'text\.jpg: clip c1: not a whole image'):
        read_images([str(text)], 'c1')
    with pytest.raises(MERDataError, match=r'gone\.jpg: clip c1.*cannot be read'):
        read_images([str(tmp_path / 'gone.jpg')], 'c1')
    fake.write_frames(tmp_path, [2], size=16)
    paths = [str(tmp_path / f'img{i}.jpg') for i in (1, 2)]
    with pytest.raises(
        MERDataError, match=r'img2\.jpg: clip c1: frame is 16x16 but.*8x8'
    ):
        read_images(paths, 'c1')


def test_video_frames_come_by_index_as_rgb(tmp_path, fake):
    path = str(fake.write_video(tmp_path / 'v.avi', 20))
    frames = read_video(path, [0, 5, 5, 19])
    assert len(frames) == 4 and frames[0].shape == (48, 64, 3)
    red = [int(frame[..., 0].mean()) for frame in frames]
    assert np.allclose(red, [0, 60, 60, 228], atol=4)
    assert frames[3][..., 1:].max() <= 4
    assert (frames[1] == frames[2]).all()


def test_what_read_video_refuses(tmp_path, fake, capfd):
    path = str(fake.write_video(tmp_path / 'v.avi', 5))
    for indices in ([0, 5], [-1, 2]):
        with pytest.raises(MERDataError, match=r'v\.avi: clip c.*holds frames 0\.\.4'):
            read_video(path, indices, 'c')
    with pytest.raises(MERDataError, match='video not found'):
        read_video(str(tmp_path / 'gone.mp4'), [0], 'c')
    bad = tmp_path / 'bad.mp4'
    bad.write_bytes(b'no video' * 50)
    with pytest.raises(MERDataError, match=r'bad\.mp4: clip c.*cannot be opened'):
        read_video(str(bad), [0], 'c')


def test_load_clip_goes_by_number(tmp_path, fake):
    fake.write_frames(tmp_path / 'sub01' / 'c1', range(1, 15))
    row = locate(fake.row(), str(tmp_path))
    clip = load_clip(row)
    assert clip['frame_inds'].tolist() == list(range(3, 13))
    brightness = [int(image.mean().round()) for image in clip['imgs']]
    assert brightness == [10 * number for number in range(3, 13)]
    assert clip['fps'] == 200.0 and clip['total_frames'] == 10
    few = load_clip(row, 4)
    assert few['frame_inds'].tolist() == [3, 6, 9, 12]
    assert few['fps'] == pytest.approx(200 * 3 / 9) and few['total_frames'] == 10


def test_frames_missing_in_the_middle_are_replaced_and_noted(tmp_path, fake):
    fake.write_frames(tmp_path / 'sub01' / 'c1', [3, 4, 5, 9, 10, 11, 12])
    usable = usable_clips([fake.row()], str(tmp_path))
    assert usable.skipped == {} and len(usable.notes) == 1
    assert 'fake/sub01/c1: 3 of 10 frames are missing (first: 6)' in usable.notes[0]
    clip = load_clip(usable.rows[0])
    assert clip['frame_inds'].tolist() == [3, 4, 5, 5, 5, 9, 9, 10, 11, 12]
    assert clip['fps'] == 200.0


@pytest.mark.parametrize('numbers', [[3], [1, 2, 13], [100, 101, 102]])
def test_a_clip_with_one_frame_or_none_is_named(tmp_path, fake, numbers):
    fake.write_frames(tmp_path / 'sub01' / 'c1', numbers)
    with pytest.raises(MERDataError, match=r'a\.json(.|\n)*clip fake/sub01/c1.*two or'):
        usable_clips([fake.row()], str(tmp_path), 'a.json')
    with pytest.raises(MERDataError, match='clip fake/sub01/c1.*two or more'):
        load_clip(locate(fake.row(), str(tmp_path)))


def test_the_tolerance_counts_clips(tmp_path, fake):
    rows = [fake.row(clip=f'c{i}') for i in range(4)]
    fake.write_frames(tmp_path / 'sub01' / 'c0', range(1, 15))
    fake.write_frames(tmp_path / 'sub01' / 'c2', range(1, 15))
    usable = usable_clips(rows, str(tmp_path), max_missing=2)
    assert [row['clip'] for row in usable.rows] == ['c0', 'c2']
    assert list(usable.skipped) == ['fake/sub01/c1', 'fake/sub01/c3']
    assert os.path.isabs(usable.rows[0]['frame_dir'])
    assert rows[0]['frame_dir'] == 'sub01/c0'
    with pytest.raises(MERDataError, match=r'2 problem(.|\n)*c1(.|\n)*c3'):
        usable_clips(rows, str(tmp_path), max_missing=1)
    with pytest.raises(MERDataError, match='4 problem'):
        usable_clips(rows, str(tmp_path / 'sub01'), max_missing=99)


def test_a_missing_root_is_one_error(tmp_path, fake):
    with pytest.raises(MERDataError, match=r"a\.json: the data root '.*gone' is not"):
        usable_clips([fake.row()], str(tmp_path / 'gone'), 'a.json', max_missing=9)


def test_links_may_not_leave_the_root(tmp_path, fake):
    outside = fake.write_frames(tmp_path / 'outside', range(1, 15))
    root = tmp_path / 'root'
    (root / 'sub01').mkdir(parents=True)
    (root / 'sub01' / 'c1').symlink_to(outside)
    fake.write_frames(root / 'sub01' / 'c2', range(1, 12))
    (root / 'sub01' / 'c2' / 'img12.jpg').symlink_to(outside / 'img12.jpg')
    fake.write_frames(root / 'sub01' / 'c3', range(1, 15))
    (root / 'sub01' / 'c4').symlink_to(root / 'sub01' / 'c3')
    rows = [fake.row(clip=f'c{i}') for i in (1, 2, 3, 4)]
    usable = usable_clips(rows, str(root), max_missing=2)
    assert list(usable.skipped) == ['fake/sub01/c1', 'fake/sub01/c2']
    assert all('out of the data root' in why for why in usable.skipped.values())
    # The root itself may be a link.
    (tmp_path / 'link').symlink_to(root)
    assert len(usable_clips(rows, str(tmp_path / 'link'), max_missing=2).rows) == 2


def test_videos_are_checked_and_read(tmp_path, fake, capfd):
    plain = dict(frame_dir=..., filename_tmpl=..., onset=0, apex=None, offset=9)
    good = fake.row(clip='good', video='sub01/good.avi', **plain)
    short = fake.row(clip='short', video='sub01/short.avi', **plain)
    bad = fake.row(clip='bad', video='sub01/bad.avi', **plain)
    gone = fake.row(clip='gone', video='sub01/gone.avi', **plain)
    fake.write_video(tmp_path / 'sub01' / 'good.avi', 15)
    fake.write_video(tmp_path / 'sub01' / 'short.avi', 8)
    (tmp_path / 'sub01' / 'bad.avi').write_bytes(b'no video' * 50)
    usable = usable_clips([good, short, bad, gone], str(tmp_path), max_missing=2)
    assert [row['clip'] for row in usable.rows] == ['good', 'short']
    assert 'cannot be opened' in usable.skipped['fake/sub01/bad']
    assert 'not found' in usable.skipped['fake/sub01/gone']
    assert '2 of 10 frames are missing (first: 8)' in usable.notes[0]
    clip = load_clip(usable.rows[0], 4)
    assert clip['frame_inds'].tolist() == [0, 3, 6, 9]
    red = [int(image[..., 0].mean()) for image in clip['imgs']]
    assert np.allclose(red, [0, 36, 72, 108], atol=4)
    assert load_clip(usable.rows[1])['frame_inds'].tolist()[-3:] == [7, 7, 7]


def test_a_video_that_changed_is_counted_anew(tmp_path, fake):
    row = fake.row(
        video='v.avi', frame_dir=..., filename_tmpl=..., onset=0, apex=None, offset=9
    )
    fake.write_video(tmp_path / 'v.avi', 10)
    assert usable_clips([row], str(tmp_path)).notes == []
    fake.write_video(tmp_path / 'v.avi', 7)
    assert '3 of 10' in usable_clips([row], str(tmp_path)).notes[0]


def test_a_frame_that_repeats_is_an_array_of_its_own(fake, tmp_path):
    """Or a transform that writes into its frames would do so twice."""
    folder = fake.write_frames(tmp_path / 'c', [1, 2])
    paths = [str(folder / f'img{n}.jpg') for n in (1, 1, 2, 1)]
    images = read_images(paths)
    images[0][:] = 99
    assert (images[1] == 10).all() and (images[3] == 10).all()
    video = str(fake.write_video(tmp_path / 'v.avi', 4))
    images = read_video(video, [1, 1, 2])
    before = images[1].copy()
    images[0][:] = 99
    assert (images[1] == before).all()
