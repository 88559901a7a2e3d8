"""Picture files of which nothing is known: looked at first, then decoded."""

import io
import os
import resource
import signal
import socket
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmaction_mer.datasets.clips import load_clip
from mmaction_mer.datasets.images.frame_folder import read_images
from mmaction_mer.datasets.images.image_file import ImageReadError, decode
from mmaction_mer.utils.errors import MERDataError


class WaitsForEver(BaseException):
    """Caught by nobody, as a ``TimeoutError`` is, which is an ``OSError``."""


@pytest.fixture(autouse=True)
def patience():
    """Turn a wait that never ends into an error."""

    def stop(*_):
        raise WaitsForEver

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def photograph(side=160, seed=0):
    """Something like a face: smooth shapes and a little noise."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
    smooth = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def jpeg(image, **settings):
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', **{'quality': 90, **settings})
    return file.getvalue()


def make_link(path, target):
    path.symlink_to(target)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


STRANGE = {
    'pipe': os.mkfifo,
    'folder': os.mkdir,
    'socket': make_socket,
    'device': lambda path: make_link(path, '/dev/zero'),
    'dangling': lambda path: make_link(path, path.parent / 'gone'),
    'loop': lambda path: make_link(path, path),
}


@pytest.mark.parametrize('kind', STRANGE)
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    STRANGE[kind](tmp_path.relative_to(tmp_path) / 'img1.jpg')
    with pytest.raises(MERDataError, match=r'img1\.jpg: clip c1'):
        read_images(['img1.jpg'], 'c1')


def huge_png():
    """20000 x 20000 pixels, black or white: 50 MB unpacked, 1.2 GB as colors."""
    packer = zlib.compressobj(1)
    row = bytes(2501) * 100
    data = b''.join([*(packer.compress(row) for _ in range(200)), packer.flush()])
    head = struct.pack('>IIBBBBB', 20000, 20000, 1, 0, 0, 0, 0)
    parts = [b'\x89PNG\r\n\x1a\n']
    for kind, content in ((b'IHDR', head), (b'IDAT', data), (b'IEND', b'')):
        crc = zlib.crc32(kind + content)
        parts += [struct.pack('>I', len(content)), kind, content]
        parts += [struct.pack('>I', crc)]
    return b''.join(parts)


def huge_jpeg():
    data = jpeg(photograph(64))
    place = data.index(b'\xff\xc0') + 5
    return data[:place] + struct.pack('>HH', 20000, 20000) + data[place + 4 :]


def huge_bmp():
    head = b'BM' + struct.pack('<IHHI', 54, 0, 0, 54)
    return head + struct.pack('<IiiHHIIiiII', 40, 20000, 20000, 1, 1, 0, 0, 1, 1, 0, 0)


def huge_tiff():
    tags = [(256, 4, 20000), (257, 4, 20000), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, 20000), (279, 4, 400_000_000)]
    rows = b''.join(
        struct.pack('<HHII', tag, kind, 1, value) for tag, kind, value in tags
    )
    return b'II*\0' + struct.pack('<IH', 8, len(tags)) + rows + bytes(4)


def huge_webp():
    file = io.BytesIO()
    Image.fromarray(photograph(64)).save(file, 'WEBP')
    data = file.getvalue()
    place = data.index(b'\x9d\x01\x2a') + 3
    return data[:place] + struct.pack('<HH', 16383, 16383) + data[place + 4 :]


def many_pixels():
    return huge_png()[:16] + struct.pack('>II', 8000, 8000) + huge_png()[24:]


def memory_of(work):
    """MB by which a process grows at most while it does something."""
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
        said = file.read()
    os.waitpid(child, 0)
    assert said, 'the work failed'
    return int(said)


@pytest.mark.parametrize(
    'make',
    [huge_png, huge_jpeg, huge_bmp, huge_tiff, huge_webp, many_pixels],
)
def test_the_size_is_looked_at_before_memory_is_asked_for(tmp_path, make):
    path = tmp_path / 'img1.png'
    path.write_bytes(make())

    def read():
        with pytest.raises(MERDataError, match=r'img1\.png: clip c1'):
            read_images([str(path)], 'c1')

    assert memory_of(read) < 300


def test_frames_that_stand_in_for_others_count_too(tmp_path, fake):
    # Two files, and the nearest one for each of 100,000 numbers.
    fake.write_frames(tmp_path, [0, 99_999], 'img{}.png', size=300)
    row = fake.row(
        frame_dir=str(tmp_path), filename_tmpl='img{}.png', onset=0, offset=99_999
    )

    def read():
        with pytest.raises(MERDataError, match='c1.*max_frames'):
            load_clip(row)

    assert memory_of(read) < 300
    assert len(load_clip(row, 16)['imgs']) == 16


def damage_in(data, start):
    """The same file after accidents that leave its length as it was, but for one."""
    middle = (start + len(data)) // 2
    rest = len(data) - middle
    return {
        'zeroed tail': data[:middle] + bytes(rest),
        'zeroed tail, end marker': data[:middle] + bytes(rest - 2) + data[-2:],
        'lost sector': data[:middle] + bytes(512) + data[middle + 512 :],
        'repeated part': data[:middle] + data[middle - 300 : -2] + data[-2:],
        'cut': data[:middle],
        'cut, end marker': data[:middle] + data[-2:],
    }


@pytest.mark.parametrize('quality', [75, 95])
@pytest.mark.parametrize('kind', damage_in(bytes(2000), 0))
@pytest.mark.parametrize(
    'settings', [{}, {'restart_marker_rows': 1}, {'optimize': True}, {'subsampling': 0}]
)
def test_a_damaged_jpeg_is_refused(quality, kind, settings):
    data = jpeg(photograph(), quality=quality, **settings)
    decode(data)
    with pytest.raises(ImageReadError, match='not a whole image'):
        decode(damage_in(data, data.rindex(b'\xff\xda'))[kind])


def test_most_of_what_else_happens_to_a_jpeg_is_noticed():
    """Some damage leaves valid codes for just as many blocks, and nothing to tell."""
    rng = np.random.default_rng(0)
    image = photograph(224)
    noticed = changed = 0
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
                noticed += 1
    assert changed > 100 and noticed > 0.75 * changed


@pytest.mark.parametrize(
    'kind', ['zeroed tail', 'lost sector', 'cut', 'cut, end marker']
)
def test_a_damaged_progressive_jpeg_is_refused(kind):
    data = jpeg(photograph(320), progressive=True)
    decode(data)
    first = data.index(b'\xff\xda')
    with pytest.raises(ImageReadError, match='not a whole image'):
        # In the scan that has the mean of each block.
        stop = data.index(b'\xff\xc4', first)
        cut = kind.startswith('cut')
        damaged = damage_in(data[:stop] + data[-2:], first)[kind]
        decode(damaged if cut else damaged[:-2] + data[stop:])


def test_a_damaged_png_or_tiff_is_refused():
    for ending, way in (('PNG', None), ('TIFF', 'lzw'), ('TIFF', 'adobe_deflate')):
        file = io.BytesIO()
        settings = {'compression': f'tiff_{way}'} if way else {}
        Image.fromarray(photograph()).save(file, ending, **settings)
        data = file.getvalue()
        decode(data)
        for kind, damaged in damage_in(data, 0).items():
            if kind in ('zeroed tail', 'lost sector', 'cut'):
                with pytest.raises(ImageReadError, match='not a whole image'):
                    decode(damaged)


def pictures():
    """Pictures that encoders meet: photographs, flat ones, odd sizes."""
    for height, width in ((8, 8), (17, 23), (64, 48), (1, 1)):
        whole = photograph(80, height)[:height, :width]
        yield whole
        for level in (0, 128, 255):
            yield np.full_like(whole, level)
        half = whole.copy()
        half[height // 2 :] = 128
        yield half


def test_good_files_of_usual_encoders_are_read():
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
    for image in map(np.ascontiguousarray, pictures()):
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


def test_other_kinds_of_file_are_read():
    image = photograph(48)
    for ending in ('.png', '.bmp', '.tiff', '.webp', '.ppm'):
        data = cv2.imencode(ending, image)[1].tobytes()
        assert np.abs(decode(data)[..., ::-1].astype(int) - image).max() < 99
    with pytest.raises(ImageReadError):
        decode(b'GIF89a')
