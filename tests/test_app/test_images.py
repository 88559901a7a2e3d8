"""Pictures that a page carries within itself."""

import base64

import cv2
import numpy as np

from mmaction_mer.app.images import data_url, upscale, film_strip


def read(address):
    kind, payload = address.split(',', 1)
    picture = np.frombuffer(base64.b64decode(payload), np.uint8)
    return kind, cv2.imdecode(picture, cv2.IMREAD_COLOR)[..., ::-1]


def test_frames_stand_below_one_another_in_order():
    frames = np.zeros((5, 16, 24, 3), np.uint8)
    frames += np.arange(10, 210, 40, dtype=np.uint8)[:, None, None, None]
    kind, strip = read(film_strip(frames))
    assert kind == 'data:image/jpeg;base64'
    assert strip.shape == (80, 24, 3)
    means = strip.reshape(5, -1).mean(axis=1)
    assert np.abs(means - [10, 50, 90, 130, 170]).max() < 2


def test_red_stays_red():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    kind, picture = read(data_url(red, '.png'))
    assert kind == 'data:image/png;base64'
    assert (picture == red).all()


def test_grey_levels_beyond_the_scale_are_clipped():
    picture = upscale(np.full((4, 4, 3), 300.0), 16)
    assert picture.shape == (16, 16, 3) and picture.dtype == np.uint8
    assert (picture == 255).all()
