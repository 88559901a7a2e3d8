"""A clip with its reading drawn in: what is where, and when."""

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


def reading(windows, frames, saliency=None, chosen=0):
    return ClipPrediction(
        'clip.mp4', 100.0, frames, CLASSES, windows, chosen, ['a'], 112,
        np.zeros((2, 224, 224, 3), np.uint8), heat,
    )  # fmt: skip


def window(start, stop, scores=(0.1, 0.2, 0.7), apex=10.0, strength=1.0):
    matrix = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    face = Face(TEMPLATE * 112, np.array([10.0, 10, 80, 90]), 0.9, 'plain')
    spot = Spot(2.0, apex, 18.0, strength, 0.5)
    scores = np.array([scores], np.float32)
    return WindowPrediction(start, stop, scores, spot, matrix, face)


@pytest.fixture(scope='module')
def clip():
    return synthetic_clip(length=30)


def test_one_picture_for_every_frame(clip, tmp_path):
    windows = [window(0, 20), window(10, 30)]
    told = reading(windows, 30)
    source = open_frame_source(clip, 100.0)
    frames = list(overlay_frames(told, source))
    assert len(frames) == 30
    path = write_overlay(tmp_path / 'a.mp4', told, source)
    with av.open(str(path)) as file:
        assert len(list(file.decode(video=0))) == 30
        # Slowed down to what an eye can follow.
        assert float(file.streams.video[0].average_rate) == 25


def test_the_frame_is_there_unchanged_beside_the_square(clip):
    told = reading([window(0, 30)], 30)
    first, *_ = overlay_frames(told, open_frame_source(clip, 100.0), alpha=0)
    # 112 pixels become 320, in the middle of 426.
    left = first[:320, 53:373]
    assert np.abs(left[4:-4:20, 4:-4:20].mean((0, 1)) - clip[0].mean((0, 1))).max() < 6
    # The margin is paper.
    assert (first[:320, :50] >= 248).all()


def test_the_face_on_the_right_moves_more(clip):
    told = reading([window(0, 30)], 30)
    frames = np.stack(
        list(overlay_frames(told, open_frame_source(clip, 100.0))), dtype=float
    )
    brows = slice(100, 150)
    middle = np.abs(frames[18, brows, 434:754] - frames[0, brows, 434:754]).mean()
    right = np.abs(frames[18, brows, 762:] - frames[0, brows, 762:]).mean()
    assert right > 2 * middle


def test_the_longest_bar_is_that_of_the_label(clip):
    told = reading([window(0, 30, (0.1, 0.8, 0.1))], 30)
    first = next(iter(overlay_frames(told, open_frame_source(clip, 100.0))))
    below = first[320:].astype(int)
    coloured = (below[:74].max(2) - below[:74].min(2) > 60)[:, 150:372]
    rows = np.flatnonzero(coloured.any(1))
    # The second of three rows alone has a colour, over 80 % of the bar's room.
    assert 30 <= rows.min() and rows.max() < 52
    assert coloured[rows].sum(1).max() == pytest.approx(0.8 * 220, abs=3)


def test_a_window_without_a_face_is_shown_as_it_is(clip):
    windows = [WindowPrediction(0, 20, problem='x'), window(10, 30)]
    frames = list(
        overlay_frames(reading(windows, 30, chosen=1), open_frame_source(clip, 100.0))
    )
    assert len(frames) == 30
    assert (frames[0][:320, 434:754] >= 248).all()
    assert (frames[29][:320, 434:754] < 248).mean() > 0.5


def test_the_timeline_shows_scores_where_and_when_they_are():
    windows = [
        window(0, 50, (0.8, 0.1, 0.1), 10, 0.2),
        window(25, 75, (0.1, 0.1, 0.8), 30, 2.0),
        WindowPrediction(50, 100, problem='no face'),
    ]
    figure = plot_timeline(reading(windows, 100, chosen=1))
    above, below = figure.axes
    assert above.get_title() == 'clip.mp4'
    assert [text.get_text() for text in above.get_legend().get_texts()] == CLASSES
    steps = [patch.get_data() for patch in above.patches[: len(CLASSES)]]
    assert steps[2].edges.tolist() == [0, 0.375, 0.625, 1.0]
    assert steps[2].values[:2].tolist() == pytest.approx([0.1, 0.8])
    assert np.isnan(steps[2].values[2])
    times, heights = below.lines[0].get_data()
    assert list(times) == pytest.approx([0.10, 0.55])
    assert list(heights) == pytest.approx([0.2, 2.0])
