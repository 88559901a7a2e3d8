"""Clips to upload, good and bad."""

import numpy as np
import skimage.data

from mmaction_mer.visualization.video import write_video

RNG = np.random.default_rng(0)


def face():
    """Return a photograph with one face, ``(240, 240, 3)``."""
    return np.ascontiguousarray(skimage.data.astronaut()[:240, 104:344])


def write_bad_clips(folder):
    """Write one bad clip of each kind; return a part of its message by name."""
    one = np.stack([face()] * 12)
    noise = RNG.integers(0, 255, (12, 240, 240, 3), np.uint8)
    (folder / 'text.mp4').write_text('This is not a video.\n' * 40)
    write_video(folder / 'noface.mp4', noise, 25)
    write_video(folder / 'two.mp4', np.concatenate([one, one], axis=2), 25)
    write_video(folder / 'one.mp4', one[:1], 25)
    long = np.zeros((25 * 5, 32, 32, 3), np.uint8)
    write_video(folder / 'long.mp4', long, 5)
    whole = write_video(folder / 'whole.mp4', np.stack(list(waving())), 25)
    content = bytearray(whole.read_bytes())
    (folder / 'huge.mp4').write_bytes(claim_four_gigabytes(content))
    (folder / 'broken.mp4').write_bytes(damage(content))
    return {
        'text.mp4': 'not a supported video',
        'noface.mp4': 'no face',
        'two.mp4': '2 faces',
        'one.mp4': 'one frame',
        'long.mp4': 'longer than 20 seconds',
        'huge.mp4': 'no frames',
        'broken.mp4': 'damaged',
    }


def waving():
    """Yield the face, moved so that no two frames are equal."""
    for number in range(24):
        yield np.roll(face(), (number % 7, number % 5), axis=(0, 1))


def claim_four_gigabytes(content):
    """Declare in the table of an mp4 that each frame has nearly 4 GB."""
    content = bytearray(content)
    place = content.index(b'stsz') + 4
    count = int.from_bytes(content[place + 8 : place + 12], 'big')
    for entry in range(count):
        at = place + 12 + 4 * entry
        content[at : at + 4] = (0xFFFFFF00).to_bytes(4, 'big')
    return bytes(content)


def damage(content):
    """Put noise into the middle of the frames; the header is complete."""
    content = bytearray(content)
    start = content.index(b'mdat') + 4
    middle = (start + len(content)) // 2
    content[middle : middle + 3000] = RNG.bytes(3000)
    return bytes(content)
