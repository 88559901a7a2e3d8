"""Untrusted image files: size, special files, damage."""

import io
import os
import resource
import signal

import cv2
import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import row, write_frames
from hostile import pictures
from hostile.special import SPECIAL, write_special
from PIL import Image

from mmaction_mer.datasets.clips import load_clip
from mmaction_mer.datasets.images.frame_folder import read_images
from mmaction_mer.datasets.images.image_file import ImageReadError, decode


class Blocked(BaseException):
    """Not caught by any ``except`` clause, unlike ``TimeoutError``, an ``OSError``."""


@pytest.fixture(autouse=True)
def timeout():
    """Turn a blocking call into an error."""

    def stop(*_):
        raise Blocked

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def photograph(side=160, seed=0):
    """Return an image like a face: smooth shapes and a little noise."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
    smooth = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def jpeg(image, **settings):
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', **{'quality': 90, **settings})
    return file.getvalue()


@pytest.mark.parametrize('kind', [one for one in SPECIAL if one != 'outside'])
def test_special_files_do_not_block(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    write_special(tmp_path.relative_to(tmp_path) / 'img1.jpg', kind, '')
    with raises_data_error(path='img1.jpg', clip='c1'):
        read_images(['img1.jpg'], 'c1')


LARGE = {
    'png': lambda: pictures.png(20_000, 20_000, 1, 0),
    'png of many pixels': lambda: pictures.png(8000, 8000, 1, 0),
    'jpeg': lambda: pictures.jpeg(20_000, 20_000),
    'bmp': lambda: pictures.bmp(20_000, 20_000),
    'tiff': lambda: pictures.tiff(20_000, 20_000, deflate=False),
    'webp': pictures.webp,
}


def memory_of(work):
    """Return the memory in MB by which a process grows during some work."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            work()
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.write(writing, str((after - before) // 1024).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        grown = file.read()
    os.waitpid(child, 0)
    assert grown, 'the work failed'
    return int(grown)


@pytest.mark.parametrize('kind', LARGE)
def test_the_size_is_checked_before_decoding(tmp_path, kind):
    path = tmp_path / 'img1.png'
    path.write_bytes(LARGE[kind]())

    def read():
        with raises_data_error(path=path, clip='c1'):
            read_images([str(path)], 'c1')

    assert memory_of(read) < 300


def test_repeated_frames_count_for_the_memory(tmp_path):
    # Two files, and the nearest one for each of 100,000 numbers.
    write_frames(tmp_path, [0, 99_999], 'img{}.png', size=300)
    one = row(
        frame_dir=str(tmp_path), filename_tmpl='img{}.png', onset=0, offset=99_999
    )

    def read():
        with raises_data_error('max_frames', clip='fake/sub01/c1', hint=True):
            load_clip(one)

    assert memory_of(read) < 300
    assert len(load_clip(one, 16)['imgs']) == 16


def damage_in(data, start):
    """Return damaged versions of a file, most of the same length."""
    middle = (start + len(data)) // 2
    rest = len(data) - middle
    return {
        'zeroed tail': data[:middle] + bytes(rest),
        'zeroed tail, end marker': data[:middle] + bytes(rest - 2) + data[-2:],
        'lost sector': data[:middle] + bytes(512) + data[middle + 512 :],
        'repeated part': data[:middle] + data[middle - 300 : -2] + data[-2:],
        'truncated': data[:middle],
        'truncated, end marker': data[:middle] + data[-2:],
    }


@pytest.mark.parametrize('quality', [75, 95])
@pytest.mark.parametrize(
    'settings', [{}, {'restart_marker_rows': 1}, {'optimize': True}, {'subsampling': 0}]
)
def test_damaged_baseline_jpeg(quality, settings):
    data = jpeg(photograph(), quality=quality, **settings)
    decode(data)
    for kind, damaged in damage_in(data, data.rindex(b'\xff\xda')).items():
        with pytest.raises(ImageReadError, match='damaged'):
            decode(damaged)
            pytest.fail(kind)


def test_most_random_damage_of_a_jpeg_is_detected():
    """Some damage keeps the codes valid and the number of blocks."""
    rng = np.random.default_rng(0)
    image = photograph(224)
    detected = changed = 0
    for quality in (85, 95):
        data = jpeg(image, quality=quality)
        whole = decode(data).astype(int)
        start = data.rindex(b'\xff\xda') + 20
        for _ in range(60):
            place = int(rng.integers(start, len(data) - 100))
            noise = rng.integers(0, 255, 64, dtype=np.uint8).tobytes()
            damaged = data[:place] + noise + data[place + 64 :]
            seen = cv2.imdecode(np.frombuffer(damaged, np.uint8), cv2.IMREAD_COLOR)
            if seen is None or (np.abs(seen[..., ::-1] - whole) > 8).mean() < 0.01:
                continue
            changed += 1
            try:
                decode(damaged)
            except ImageReadError:
                detected += 1
    assert changed > 100 and detected > 0.75 * changed


@pytest.mark.parametrize(
    'kind', ['zeroed tail', 'lost sector', 'truncated', 'truncated, end marker']
)
def test_damaged_progressive_jpeg(kind):
    data = jpeg(photograph(320), progressive=True)
    decode(data)
    # In the first scan, which has the mean of each block.
    first = data.index(b'\xff\xda')
    stop = data.index(b'\xff\xc4', first)
    damaged = damage_in(data[:stop] + data[-2:], first)[kind]
    if not kind.startswith('truncated'):
        damaged = damaged[:-2] + data[stop:]
    with pytest.raises(ImageReadError, match='damaged'):
        decode(damaged)


@pytest.mark.parametrize(
    ('suffix', 'settings'),
    [
        ('PNG', {}),
        ('TIFF', {'compression': 'tiff_lzw'}),
        ('TIFF', {'compression': 'tiff_adobe_deflate'}),
    ],
)
def test_damaged_png_and_tiff(suffix, settings):
    file = io.BytesIO()
    Image.fromarray(photograph()).save(file, suffix, **settings)
    data = file.getvalue()
    decode(data)
    for kind in ('zeroed tail', 'lost sector', 'truncated'):
        with pytest.raises(ImageReadError, match='damaged'):
            decode(damage_in(data, 0)[kind])


def typical_images():
    """Yield photographs, flat images and odd sizes."""
    for height, width in ((8, 8), (17, 23), (64, 48), (1, 1)):
        whole = photograph(80, height)[:height, :width]
        yield whole
        for level in (0, 128, 255):
            yield np.full_like(whole, level)
        half = whole.copy()
        half[height // 2 :] = 128
        yield half


def test_undamaged_files_of_common_encoders():
    pillow = [
        {'subsampling': 0}, {'subsampling': 1}, {'progressive': True},
        {'optimize': True}, {'restart_marker_blocks': 1}, {'restart_marker_blocks': 5},
        {'restart_marker_rows': 1}, {'progressive': True, 'restart_marker_rows': 1},
        {'exif': b'Exif\0\0MM\0*\0\0\0\x08\0\0', 'comment': b'\xff\xd9' * 9},
    ]  # fmt: skip
    opencv = [
        [], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 3],
        [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
        [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411],
        [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440],
    ]  # fmt: skip
    count = 0
    for image in map(np.ascontiguousarray, typical_images()):
        for quality in (20, 75, 100):
            files = [jpeg(image, quality=quality, **one) for one in pillow]
            files += [jpeg(image[..., 0], quality=quality)]
            files += [files[0] + b'thumbnail or garbage']
            for one in opencv:
                settings = [cv2.IMWRITE_JPEG_QUALITY, quality, *one]
                files.append(cv2.imencode('.jpg', image, settings)[1].tobytes())
            for data in files:
                wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                assert (decode(data)[..., ::-1] == wanted).all()
                count += 1
    assert count == 20 * 3 * 17


def test_other_formats():
    image = photograph(48)
    for ending in ('.png', '.bmp', '.tiff', '.webp', '.ppm'):
        data = cv2.imencode(ending, image)[1].tobytes()
        assert np.abs(decode(data)[..., ::-1].astype(int) - image).max() < 99
    with pytest.raises(ImageReadError):
        decode(b'GIF89a')
