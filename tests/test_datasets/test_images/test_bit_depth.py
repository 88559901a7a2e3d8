"""Images of more and fewer than 8 bits keep their brightness."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import row
from hostile import pictures
from PIL import Image

from mmaction_mer.apis import open_frame_source
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.images.image_file import ImageReadError, decode

SIDE = 24


def png(samples, bits=16, color=0, chunks=b''):
    """Encode (H, W) or (H, W, C) samples without scaling."""
    height, width = samples.shape[:2]
    if bits < 8:
        flat = ''.join(format(int(one), f'0{bits}b') for one in samples.ravel())
        packed = int(flat, 2).to_bytes(len(flat) // 8, 'big')
        step = len(packed) // height
        rows = [packed[n : n + step] for n in range(0, len(packed), step)]
    else:
        rows = [row.astype('>u2' if bits == 16 else 'u1').tobytes() for row in samples]
    data = zlib.compress(b''.join(b'\0' + row for row in rows))
    return pictures.png(width, height, bits, color, data, before=chunks)


def sbit(bits):
    return pictures.png_chunk(b'sBIT', bytes([bits]))


def tiff(samples, bits=16, photometric=1, kind=1, extra=()):
    """Encode (H, W) or (H, W, C) samples without scaling."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    data = samples.tobytes()
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1),
        (262, 3, photometric), (273, 4, 8 + 2 + 12 * (10 + len(extra)) + 4),
        (277, 3, channels), (278, 4, height), (279, 4, len(data)), (339, 3, kind),
        *((tag, 3, value) for tag, value in extra),
    ]  # fmt: skip
    rows = b''.join(
        struct.pack('<HHI', tag, form, 1) + struct.pack('<I', value)
        for tag, form, value in sorted(tags)
    )
    head = b'II*\0' + struct.pack('<IH', 8, len(tags))
    return head + rows + bytes(4) + data


def packed_tiff(level):
    """Encode one level with 12 bits per pixel, two pixels in three bytes."""
    pair = (level << 12 | level).to_bytes(3, 'big')
    data = np.frombuffer(pair * (SIDE * SIDE // 2), np.uint8)
    wide = tiff(data.reshape(SIDE, -1), bits=12)
    width = struct.pack('<HHII', 256, 4, 1, SIDE * 3 // 2)
    return wide.replace(width, struct.pack('<HHII', 256, 4, 1, SIDE))


def pgm(samples, white, binary=True):
    height, width = samples.shape
    head = f'P{5 if binary else 2}\n# camera\n{width} {height}\n{white}\n'.encode()
    if not binary:
        return head + b' '.join(b'%d' % one for one in samples.ravel()) + b'\n'
    return head + samples.astype('>u2' if white > 255 else 'u1').tobytes()


def flat(level, dtype='<u2'):
    return np.full((SIDE, SIDE), level, dtype)


GRAY = np.linspace(5, 235, SIDE * SIDE).reshape(SIDE, SIDE).round().astype('<u2')
DEEP = {
    '10 bits right': (lambda gray: gray * 4, 1023),
    '12 bits right': (lambda gray: gray * 16, 4095),
    '12 bits full': (lambda gray: gray * 16 + gray // 16, 4095),
    '14 bits right': (lambda gray: gray * 64, 16383),
    '12 bits left': (lambda gray: (gray * 16) * 16, 65535),
    '16 bits': (lambda gray: gray * 257, 65535),
    '8 bits in 16': (lambda gray: gray * 1, 255),
}
WRITERS = {
    'png': lambda samples, _: png(samples),
    'png color': lambda samples, _: png(np.dstack([samples] * 3), color=2),
    'png alpha': lambda samples, _: png(
        np.dstack([*[samples] * 3, np.full_like(samples, 65535)]), color=6
    ),
    'png gray alpha': lambda samples, _: png(
        np.dstack([samples, np.full_like(samples, 65535)]), color=4
    ),
    'tiff': lambda samples, _: tiff(samples),
    'tiff color': lambda samples, _: tiff(np.dstack([samples] * 3), photometric=2),
    'tiff white is 0': lambda samples, white: tiff(white - samples, photometric=0),
}


def write_clip(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def load(root, template, onset, offset):
    one = row(
        frame_dir='c', filename_tmpl=template, onset=onset, apex=None, offset=offset
    )
    return load_clip(locate(one, str(root)))['imgs']


def levels(images):
    return [int(image.mean()) for image in images]


@pytest.mark.parametrize('kind', WRITERS)
def test_images_of_more_than_8_bits_keep_their_brightness(tmp_path, kind):
    """All kinds of 16-bit files, of all cameras."""
    suffix = kind.split()[0]
    for camera, (stored, white) in DEEP.items():
        root = tmp_path / camera
        grays = [GRAY, GRAY // 2, GRAY // 8]
        files = [WRITERS[kind](stored(gray), white) for gray in grays]
        write_clip(root / 'c', {f'{n}.{suffix}': one for n, one in enumerate(files)})
        source = open_frame_source(root / 'c', 100)
        template = f'{{}}.{suffix}'
        for images in (load(root, template, 0, 2), list(source.frames())):
            for image, gray in zip(images, grays, strict=True):
                assert image.dtype == np.uint8 and image.shape == (SIDE, SIDE, 3)
                error = np.abs(image.astype(int) - gray[..., None].astype(int))
                assert error.max() <= 1, camera
        note = f'{white} ({white.bit_length()} bits) is white, by the brightest pixel'
        assert note in source.notes[0]
        one = row(frame_dir='c', filename_tmpl=template, onset=0, apex=1, offset=2)
        (depth,) = check_clips([one], root).depths
        assert note in depth


def test_one_scale_for_all_frames_whichever_are_read(tmp_path):
    """A dark frame is not scaled by itself, also if no bright frame is read.

    Training draws pairs, figures show single frames, ``predict`` reads all frames.
    """
    expected = [30, 60, 40, 200]  # times 16: the first three fit into 10 bits
    write_clip(
        tmp_path / 'c',
        {f'{n}.png': png(flat(16 * level)) for n, level in enumerate(expected)},
    )
    for onset, offset in ((0, 3), (0, 1), (1, 2)):
        found = levels(load(tmp_path, '{}.png', onset, offset))
        assert found == expected[onset : offset + 1]
    assert levels(open_frame_source(tmp_path / 'c', 50).frames()) == expected
    # The scale follows changes of the files.
    (tmp_path / 'c' / '3.png').write_bytes(png(flat(800)))
    assert levels(load(tmp_path, '{}.png', 0, 3)) == [120, 240, 160, 200]


DECLARED = {
    'sBIT 12, dark': (png(flat(800), chunks=sbit(12)), 50),
    'sBIT 16, dark': (png(flat(4000), chunks=sbit(16)), 15),
    'sBIT 12, left': (png(flat(51200), chunks=sbit(12)), 200),
    'SMaxSampleValue': (
        tiff(flat(800), extra=[(340, 0), (341, 4095)]),
        50,
    ),
    'TIFF of 12 bits': (packed_tiff(800), 50),
    'PGM 4095': (pgm(flat(800), 4095), 50),
    'PGM 1023': (pgm(flat(200), 1023), 50),
    'PGM 65535': (pgm(flat(12800), 65535), 50),
    'PGM 1000': (pgm(flat(200), 1000), 51),
    'PGM 100': (pgm(flat(20), 100), 51),
    'PGM 15': (pgm(flat(3), 15), 51),
    'plain PGM 4095': (pgm(flat(800), 4095, False), 50),
    'plain PGM 15': (pgm(flat(3), 15, False), 51),
}


@pytest.mark.parametrize('kind', DECLARED)
def test_a_declared_white_level_is_used(kind):
    payload, level = DECLARED[kind]
    assert (decode(payload) == level).all()


def test_maxima_of_single_frames_are_not_a_scale(tmp_path):
    """Some programs declare the maximum of each image as white."""
    files = {
        f'{n}.pgm': pgm(flat(16 * level), 16 * level)
        for n, level in enumerate([200, 100, 150])
    }
    write_clip(tmp_path / 'c', files)
    assert levels(load(tmp_path, '{}.pgm', 0, 2)) == [200, 100, 150]


def test_floats_from_zero_to_one(tmp_path):
    files = {
        f'{n}.tif': tiff(flat(level, '<f4'), bits=32, kind=3)
        for n, level in enumerate([0.2, 0.5, 1.0])
    }
    write_clip(tmp_path / 'c', files)
    assert levels(load(tmp_path, '{}.tif', 0, 2)) == [51, 128, 255]
    source = open_frame_source(tmp_path / 'c', 100)
    assert levels(source.frames()) == [51, 128, 255]
    assert source.notes == ['the images store floats, in which 1 is white']


UNSUPPORTED = {
    'floats to 255': (tiff(flat(200, '<f4'), bits=32, kind=3), 'floats from 200 to'),
    'nan': (tiff(flat(np.nan, '<f4'), bits=32, kind=3), 'floats from nan'),
    '64-bit floats': (tiff(flat(9, '<f8'), bits=64, kind=3), 'of 64 bits'),
    '16-bit floats': (tiff(flat(9, '<f2'), bits=16, kind=3), 'of 16 bits'),
    'signed': (tiff(flat(9, '<i2'), bits=16, kind=2), 'signed integers of 16 bits'),
    'signed bytes': (tiff(flat(9, 'i1'), bits=8, kind=2), 'signed integers of 8 bits'),
    '32 bits': (tiff(flat(9, '<u4'), bits=32), 'integers of 32 bits'),
    'gray and alpha': (tiff(np.dstack([flat(9)] * 2)), 'transparency of 16 bits'),
}


@pytest.mark.parametrize('kind', UNSUPPORTED)
def test_unsupported_samples(tmp_path, kind):
    payload, words = UNSUPPORTED[kind]
    with pytest.raises(ImageReadError, match=f'{words}.*(save|scale)'):
        decode(payload)
    write_clip(tmp_path / 'c', {'1.tif': payload, '2.tif': payload})
    with raises_data_error(words, path='1.tif', clip='fake/sub01/c1'):
        load(tmp_path, '{}.tif', 1, 2)


def test_few_bits_palettes_inversion_and_cmyk():
    for bits in (1, 2, 4):
        white = (1 << bits) - 1
        for level in {0, white // 3, white}:
            data = png(flat(level), bits)
            assert (decode(data) == round(255 * level / white)).all()
    image = Image.fromarray(np.full((SIDE, SIDE), 1, np.uint8), 'P')
    image.putpalette([0, 0, 0, 10, 120, 230])
    for kind in ('PNG', 'TIFF', 'BMP'):
        file = io.BytesIO()
        image.save(file, kind)
        assert (decode(file.getvalue()) == [10, 120, 230]).all()
    inverted = tiff(flat(55, 'u1'), bits=8, photometric=0)
    assert (decode(inverted) == 200).all()
    file = io.BytesIO()
    Image.new('RGB', (SIDE, SIDE), (200, 100, 50)).convert('CMYK').save(file, 'JPEG')
    assert np.abs(decode(file.getvalue()).astype(int) - [200, 100, 50]).max() <= 3


def test_images_of_8_bits_are_as_opencv_decodes_them(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 90, (SIDE, SIDE, 3), np.uint8)
    for ending in ('.png', '.bmp', '.tiff', '.webp', '.ppm', '.jpg'):
        data = cv2.imencode(ending, image)[1].tobytes()
        wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert (decode(data) == wanted[..., ::-1]).all()
        files = {f'{number}{ending}': data for number in (1, 2)}
        folder = write_clip(tmp_path / ending[1:], files)
        assert open_frame_source(folder, 25).notes == []


def test_a_damaged_frame_outside_the_clip_changes_nothing(tmp_path):
    """The white level is measured on all readable images of the folder."""
    files = {f'{n}.png': png(flat(3200)) for n in (1, 2)}
    write_clip(tmp_path / 'c', {'0.png': b'junk', '3.png': b'', **files})
    assert levels(load(tmp_path, '{}.png', 1, 2)) == [200, 200]


@pytest.mark.parametrize('bits', [8, 16])
def test_a_file_of_several_images_is_not_a_frame(bits):
    """A TIFF stack is rejected; a thumbnail is not."""
    first, second = (
        Image.fromarray(np.full((32, 32), level, f'uint{bits}')) for level in (90, 200)
    )
    file = io.BytesIO()
    first.save(file, 'TIFF', save_all=True, append_images=[second])
    with pytest.raises(ImageReadError, match='more than one image'):
        decode(file.getvalue())
    stack = bytearray(file.getvalue())
    place = len(stack) + len(stack) % 2
    # The pointer to the second page follows the entries of the first.
    start = int.from_bytes(stack[4:8], 'little')
    pointer = start + 2 + 12 * int.from_bytes(stack[start : start + 2], 'little')
    stack[pointer : pointer + 4] = place.to_bytes(4, 'little')
    stack += bytes(place - len(stack)) + struct.pack(
        '<HHHIIHHIII', 2, 254, 4, 1, 1, 256, 4, 1, 16, 0
    )
    assert decode(bytes(stack)).mean() == 90
