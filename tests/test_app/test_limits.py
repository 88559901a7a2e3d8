"""Limits on the clips of visitors."""

import numpy as np
import pytest

from mmaction_mer.apis import open_frame_source
from mmaction_mer.app import limits
from mmaction_mer.app.limits import BoundedSource
from mmaction_mer.utils.errors import MERDataError


def test_frames_that_would_fill_the_memory_are_reduced(monkeypatch):
    clip = np.zeros((3, 100, 200, 3), np.uint8)
    clip[:, :, 100:] = 200
    monkeypatch.setattr(limits, 'MAX_FRAME_BYTES', 27 * 100 * 200 * 3 / 4)
    frames = list(BoundedSource(open_frame_source(clip, 25.0)).frames())
    assert [frame.shape for frame in frames] == [(50, 100, 3)] * 3
    assert (frames[0][:, :45] == 0).all() and (frames[0][:, 55:] == 200).all()
    # At a lower rate a second has fewer of them.
    frames = list(BoundedSource(open_frame_source(clip, 4.0)).frames())
    assert frames[0].shape == (100, 200, 3)


def test_frame_rate_and_duration_are_limited(monkeypatch):
    clip = np.zeros((3, 32, 32, 3), np.uint8)
    with pytest.raises(MERDataError, match='5000 frames per second; at most 1000'):
        BoundedSource(open_frame_source(clip, 5000.0))
    monkeypatch.setattr(limits, 'PATIENCE', -1.0)
    with pytest.raises(MERDataError, match='takes longer'):
        list(BoundedSource(open_frame_source(clip, 25.0)).frames())
