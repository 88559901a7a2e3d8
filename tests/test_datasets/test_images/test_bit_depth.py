"""Pictures of more and of fewer than 8 bits: what is dark stays as dark as it was."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmaction_mer.apis import open_source
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.images.image_file import ImageReadError, decode
from mmaction_mer.utils.errors import MERDataError

SIDE = 24


def png(samples, bits=16, color=0, chunks=b''):
    """A PNG file of (H, W) or (H, W, C) samples as they are."""

    def chunk(kind, content):
        crc = zlib.crc32(kind + content)
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', crc)

    height, width = samples.shape[:2]
    if bits < 8:
        flat = ''.join(format(int(one), f'0{bits}b') for one in samples.ravel())
        packed = bytes(int(flat[n : n + 8], 2) for n in range(0, len(flat), 8))
        rows = [packed[n : n + len(packed) // height]
                for n in range(0, len(packed), len(packed) // height)]  # fmt: skip
    else:
        rows = [row.astype('>u2' if bits == 16 else 'u1').tobytes() for row in samples]
    head = struct.pack('>IIBBBBB', width, height, bits, color, 0, 0, 0)
    data = zlib.compress(b''.join(b'\0' + row for row in rows))
    parts = chunk(b'IHDR', head), chunks, chunk(b'IDAT', data), chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def sbit(*bits):
    content = bytes(bits)
    crc = zlib.crc32(b'sBIT' + content)
    return struct.pack('>I', len(bits)) + b'sBIT' + content + struct.pack('>I', crc)


def tiff(samples, bits=16, photometric=1, kind=1, extra=()):
    """A TIFF file of (H, W) or (H, W, C) samples as they are."""
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
    """A TIFF file with 12 bits per pixel, two of them in three bytes."""
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


def ramp(low, high):
    """Grey levels from ``low`` to ``high``, whole numbers."""
    values = np.linspace(low, high, SIDE * SIDE).reshape(SIDE, SIDE)
    return np.rint(values).astype('<u2')


GREY = ramp(5, 235)
DEEP = {
    '10 bits right': (lambda grey: grey * 4, 1023),
    '12 bits right': (lambda grey: grey * 16, 4095),
    '12 bits full': (lambda grey: grey * 16 + grey // 16, 4095),
    '14 bits right': (lambda grey: grey * 64, 16383),
    '12 bits left': (lambda grey: (grey * 16) * 16, 65535),
    '16 bits': (lambda grey: grey * 257, 65535),
    '8 bits in 16': (lambda grey: grey * 1, 255),
}
WRITERS = {
    'png': lambda samples, _: png(samples),
    'png color': lambda samples, _: png(np.dstack([samples] * 3), color=2),
    'png alpha': lambda samples, _: png(
        np.dstack([*[samples] * 3, np.full_like(samples, 65535)]), color=6
    ),
    'png grey alpha': lambda samples, _: png(
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


def row_of(fake, root, template, onset, offset):
    row = fake.row(
        frame_dir='c', filename_tmpl=template, onset=onset, apex=None, offset=offset
    )
    return locate(row, str(root))


@pytest.mark.parametrize('camera', DEEP)
@pytest.mark.parametrize('kind', WRITERS)
def test_deep_pictures_keep_their_brightness(tmp_path, fake, kind, camera):
    """All kinds of 16-bit files, from all cameras: 12 bits came out nearly black."""
    stored, white = DEEP[camera]
    greys = [GREY, GREY // 2, GREY // 8]
    files = [WRITERS[kind](stored(grey), white) for grey in greys]
    ending = kind.split()[0]
    write_clip(tmp_path / 'c', {f'{n}.{ending}': one for n, one in enumerate(files)})
    row = row_of(fake, tmp_path, f'{{}}.{ending}', 0, 2)
    source = open_source(tmp_path / 'c', 100)
    for images in (load_clip(row)['imgs'], list(source.frames())):
        for image, grey in zip(images, greys, strict=True):
            assert image.dtype == np.uint8 and image.shape == (SIDE, SIDE, 3)
            assert np.abs(image.astype(int) - grey[..., None].astype(int)).max() <= 1
    note = (
        f'{white} ({white.bit_length()} bits) is white, by the brightest pixel of all 3'
    )
    assert note in source.notes[0]
    found = check_clips([{**row, 'frame_dir': 'c'}], tmp_path)
    assert len(found.depths) == 1 and note in found.depths[0]


def test_one_scale_for_all_frames_whichever_are_read(tmp_path, fake):
    """A dark frame has no scale of its own, alone or drawn without the bright ones.

    Training draws pairs, figures show single frames, ``predict`` reads all: one frame
    is one brightness for all of them.
    """
    levels = [30, 60, 40, 200]  # times 16: the first three would fit into 10 bits
    files = {f'{n}.png': png(np.full((SIDE, SIDE), 16 * level, '<u2'))
             for n, level in enumerate(levels)}  # fmt: skip
    write_clip(tmp_path / 'c', files)
    for onset, offset in ((0, 3), (0, 1), (1, 2)):
        clip = load_clip(row_of(fake, tmp_path, '{}.png', onset, offset))
        found = [int(image.mean()) for image in clip['imgs']]
        assert found == levels[onset : offset + 1]
    assert [int(f.mean()) for f in open_source(tmp_path / 'c', 50).frames()] == levels
    # The scale is that of the files as they are now.
    (tmp_path / 'c' / '3.png').write_bytes(png(np.full((SIDE, SIDE), 800, '<u2')))
    clip = load_clip(row_of(fake, tmp_path, '{}.png', 0, 3))
    assert [int(image.mean()) for image in clip['imgs']] == [120, 240, 160, 200]


DECLARED = {
    'sBIT 12, dark': (png(np.full((SIDE, SIDE), 800, '<u2'), chunks=sbit(12)), 50),
    'sBIT 16, dark': (png(np.full((SIDE, SIDE), 4000, '<u2'), chunks=sbit(16)), 15),
    'sBIT 12, left': (png(np.full((SIDE, SIDE), 51200, '<u2'), chunks=sbit(12)), 200),
    'SMaxSampleValue': (
        tiff(np.full((SIDE, SIDE), 800, '<u2'), extra=[(340, 0), (341, 4095)]),
        50,
    ),
    'TIFF of 12 bits': (packed_tiff(800), 50),
    'PGM 4095': (pgm(np.full((SIDE, SIDE), 800), 4095), 50),
    'PGM 1023': (pgm(np.full((SIDE, SIDE), 200), 1023), 50),
    'PGM 65535': (pgm(np.full((SIDE, SIDE), 12800), 65535), 50),
    'PGM 1000': (pgm(np.full((SIDE, SIDE), 200), 1000), 51),
    'PGM 100': (pgm(np.full((SIDE, SIDE), 20), 100), 51),
    'PGM 15': (pgm(np.full((SIDE, SIDE), 3), 15), 51),
    'plain PGM 4095': (pgm(np.full((SIDE, SIDE), 800), 4095, False), 50),
    'plain PGM 15': (pgm(np.full((SIDE, SIDE), 3), 15, False), 51),
}


@pytest.mark.parametrize('kind', DECLARED)
def test_what_a_file_declares_wins(kind):
    """Each way in which a file can say what is white, for a dark picture."""
    payload, level = DECLARED[kind]
    assert (decode(payload) == level).all()


def test_maxima_of_single_frames_are_no_scale(tmp_path, fake):
    """Some programs write each picture's own maximum as what is white."""
    files = {f'{n}.pgm': pgm(np.full((SIDE, SIDE), 16 * level), 16 * level)
             for n, level in enumerate([200, 100, 150])}  # fmt: skip
    write_clip(tmp_path / 'c', files)
    clip = load_clip(row_of(fake, tmp_path, '{}.pgm', 0, 2))
    assert [int(image.mean()) for image in clip['imgs']] == [200, 100, 150]


def test_floats_from_zero_to_one(tmp_path, fake):
    """Refused as if they were damaged; now read, one scale for all."""
    files = {f'{n}.tif': tiff(np.full((SIDE, SIDE), level, '<f4'), bits=32, kind=3)
             for n, level in enumerate([0.2, 0.5, 1.0])}  # fmt: skip
    write_clip(tmp_path / 'c', files)
    clip = load_clip(row_of(fake, tmp_path, '{}.tif', 0, 2))
    assert [int(image.mean()) for image in clip['imgs']] == [51, 128, 255]
    source = open_source(tmp_path / 'c', 100)
    assert [int(frame.mean()) for frame in source.frames()] == [51, 128, 255]
    assert source.notes == ['the pictures store floats, of which 1 is read as white']


def plain(dtype, level=9):
    return np.full((SIDE, SIDE), level, dtype)


REFUSED = {
    'floats to 255': (tiff(plain('<f4', 200), bits=32, kind=3), 'floats from 200 to'),
    'not a number': (tiff(plain('<f4', np.nan), bits=32, kind=3), 'floats from nan'),
    '64-bit floats': (tiff(plain('<f8'), bits=64, kind=3), 'floating.* 64 bits'),
    '16-bit floats': (tiff(plain('<f2'), bits=16, kind=3), 'floating.* 16 bits'),
    'signed': (tiff(plain('<i2'), bits=16, kind=2), 'signed integers of 16 bits'),
    'signed bytes': (tiff(plain('i1'), bits=8, kind=2), 'signed integers of 8 bits'),
    '32 bits': (tiff(plain('<u4'), bits=32), 'integers of 32 bits'),
    'grey and alpha': (
        tiff(np.dstack([plain('<u2')] * 2)),
        'grey and transparency of 16 bits',
    ),
}


@pytest.mark.parametrize('kind', REFUSED)
def test_samples_that_are_not_read_are_refused_by_name(tmp_path, fake, kind):
    """Signed ones came out as something; floats were called damaged."""
    payload, text = REFUSED[kind]
    with pytest.raises(ImageReadError, match=f'{text}.*(save|scale)'):
        decode(payload)
    write_clip(tmp_path / 'c', {'1.tif': payload, '2.tif': payload})
    with pytest.raises(MERDataError, match=rf'1\.tif: clip fake/sub01/c1: .*{text}'):
        load_clip(row_of(fake, tmp_path, '{}.tif', 1, 2))


def test_few_bits_and_palettes_reach_white():
    """1, 2 and 4 bits of grey; colors of a palette; what zero is."""
    for bits in (1, 2, 4):
        white = (1 << bits) - 1
        for level in {0, white // 3, white}:
            data = png(np.full((SIDE, SIDE), level), bits)
            assert (decode(data) == round(255 * level / white)).all()
    image = Image.fromarray(np.full((SIDE, SIDE), 1, np.uint8), 'P')
    image.putpalette([0, 0, 0, 10, 120, 230])
    for kind in ('PNG', 'TIFF', 'BMP'):
        file = io.BytesIO()
        image.save(file, kind)
        assert (decode(file.getvalue()) == [10, 120, 230]).all()
    inverted = tiff(np.full((SIDE, SIDE), 55, 'u1'), bits=8, photometric=0)
    assert (decode(inverted) == 200).all()
    file = io.BytesIO()
    Image.new('RGB', (SIDE, SIDE), (200, 100, 50)).convert('CMYK').save(file, 'JPEG')
    assert np.abs(decode(file.getvalue()).astype(int) - [200, 100, 50]).max() <= 3


def test_pictures_of_eight_bits_stay_as_they_are(tmp_path, fake):
    """Bit for bit as OpenCV decodes them, and without a word."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 90, (SIDE, SIDE, 3), np.uint8)
    for ending in ('.png', '.bmp', '.tiff', '.webp', '.ppm', '.jpg'):
        data = cv2.imencode(ending, image)[1].tobytes()
        wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert (decode(data) == wanted[..., ::-1]).all()
        files = {f'{number}{ending}': data for number in (1, 2)}
        folder = write_clip(tmp_path / ending[1:], files)
        assert open_source(folder, 25).notes == []


def test_a_damaged_frame_outside_the_clip_changes_nothing(tmp_path, fake):
    """White is looked for in all pictures of the folder, sound ones or not."""
    files = {f'{n}.png': png(np.full((SIDE, SIDE), 3200, '<u2')) for n in (1, 2)}
    write_clip(tmp_path / 'c', {'0.png': b'junk', '3.png': b'', **files})
    clip = load_clip(row_of(fake, tmp_path, '{}.png', 1, 2))
    assert [int(image.mean()) for image in clip['imgs']] == [200, 200]


@pytest.mark.parametrize('bits', [8, 16])
def test_a_file_of_several_pictures_is_no_frame(bits):
    """A TIFF stack gave its first page for all; a smaller copy of one is harmless."""
    first, second = (
        Image.fromarray(np.full((32, 32), level, f'uint{bits}')) for level in (90, 200)
    )
    file = io.BytesIO()
    first.save(file, 'TIFF', save_all=True, append_images=[second])
    with pytest.raises(ImageReadError, match='holds more than one picture'):
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
