"""Images as addresses."""

import base64

import cv2
import numpy as np

from mmaction_mer.app.images import film_strip, upscale


def test_frames_are_stacked_in_order_in_rgb():
    frames = np.zeros((5, 16, 24, 3), np.uint8)
    frames[..., 0] += np.arange(10, 210, 40, dtype=np.uint8)[:, None, None]
    kind, payload = film_strip(frames).split(',', 1)
    code = np.frombuffer(base64.b64decode(payload), np.uint8)
    strip = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1]
    assert kind == 'data:image/jpeg;base64' and strip.shape == (80, 24, 3)
    red, _, blue = strip.reshape(5, -1, 3).mean(axis=1).T
    assert np.abs(red - [10, 50, 90, 130, 170]).max() < 4 and blue.max() < 8


def test_gray_levels_are_clipped():
    image = upscale(np.full((4, 4, 3), 300.0), 16)
    assert image.shape == (16, 16, 3) and image.dtype == np.uint8
    assert (image == 255).all()
