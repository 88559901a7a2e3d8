"""A clip with its prediction drawn in, and the timeline."""

import av
import numpy as np
import pytest
from inference_toy import synthetic_clip

from mmaction_mer.apis import ClipPrediction, WindowPrediction, open_frame_source
from mmaction_mer.apis.overlay import overlay_frames, write_overlay
from mmaction_mer.apis.timeline import plot_timeline
from mmaction_mer.datasets.faces.alignment import TEMPLATE
from mmaction_mer.datasets.faces.finder import Face
from mmaction_mer.motion.spotting import Spot

CLASSES = ['negative', 'positive', 'surprise']


def prediction(windows, frames, chosen=0):
    return ClipPrediction(
        'clip.mp4', 100.0, frames, CLASSES, windows, chosen, ['a'], 112,
        np.zeros((2, 224, 224, 3), np.uint8),
    )  # fmt: skip


def window(start, stop, scores=(0.1, 0.2, 0.7), apex=10.0, strength=1.0):
    face = Face(TEMPLATE * 112, np.array([10.0, 10, 80, 90]), 0.9, 'plain')
    spot = Spot(2.0, apex, 18.0, strength, 0.5)
    scores = np.array([scores], np.float32)
    return WindowPrediction(start, stop, scores, spot, np.eye(2, 3), face)


@pytest.fixture(scope='module')
def source():
    return open_frame_source(synthetic_clip(length=30), 100.0)


def test_one_image_per_frame(source, tmp_path):
    windows = [WindowPrediction(0, 20, problem='x'), window(10, 30)]
    two = prediction(windows, 30, chosen=1)
    frames = list(overlay_frames(two, source))
    assert len(frames) == 30
    # The window without a face has no face drawn.
    assert (frames[0][:320, 434:754] >= 248).all()
    assert (frames[29][:320, 434:754] < 248).mean() > 0.5
    path = write_overlay(tmp_path / 'a.mp4', two, source)
    with av.open(str(path)) as file:
        assert len(list(file.decode(video=0))) == 30
        # Slowed down to what an eye can follow.
        assert float(file.streams.video[0].average_rate) == 25


def test_frame_face_motion_and_scores_are_in_their_places(source):
    one = prediction([window(0, 30, (0.1, 0.8, 0.1))], 30)
    frames = np.stack(list(overlay_frames(one, source)), dtype=float)
    # The frame: 112 pixels become 320, in the middle of 426, on paper.
    clip = np.stack(list(source.frames()))
    still = next(iter(overlay_frames(one, source, alpha=0)))
    left = still[4:316:20, 57:369:20]
    assert np.abs(left.mean((0, 1)) - clip[0].mean((0, 1))).max() < 6
    assert (still[:320, :50] >= 248).all()
    # The face on the right moves more than the one in the middle.
    brows = slice(100, 150)
    middle = np.abs(frames[18, brows, 434:754] - frames[0, brows, 434:754]).mean()
    right = np.abs(frames[18, brows, 762:] - frames[0, brows, 762:]).mean()
    assert right > 2 * middle
    # Only the bar of the label, the second of three, has a color; it is 80 % long.
    below = still[320:].astype(int)
    colored = (below[:74].max(2) - below[:74].min(2) > 60)[:, 150:372]
    rows = np.flatnonzero(colored.any(1))
    assert 30 <= rows.min() and rows.max() < 52
    assert colored[rows].sum(1).max() == pytest.approx(0.8 * 220, abs=3)


def test_the_timeline_shows_scores_at_their_times():
    windows = [
        window(0, 50, (0.8, 0.1, 0.1), 10, 0.2),
        window(25, 75, (0.1, 0.1, 0.8), 30, 2.0),
        WindowPrediction(50, 100, problem='no face'),
    ]
    above, below = plot_timeline(prediction(windows, 100, chosen=1)).axes
    assert above.get_title() == 'clip.mp4'
    assert [text.get_text() for text in above.get_legend().get_texts()] == CLASSES
    steps = [patch.get_data() for patch in above.patches[: len(CLASSES)]]
    assert steps[2].edges.tolist() == [0, 0.375, 0.625, 1.0]
    assert steps[2].values[:2].tolist() == pytest.approx([0.1, 0.8])
    assert np.isnan(steps[2].values[2])
    times, heights = below.lines[0].get_data()
    assert list(times) == pytest.approx([0.10, 0.55])
    assert list(heights) == pytest.approx([0.2, 2.0])
