"""Figures show the data, keep out of pyplot and are written atomically."""

import sys

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.visualization import (
    contact_sheet,
    plot_clip,
    plot_confusion,
    save_figure,
)
from mmaction_mer.visualization.saving import encode_png

CLASSES = ['negative', 'positive', 'surprise']


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    time = np.arange(16)
    gaussians = np.exp(-((time - np.array([[3], [8], [12]])) ** 2) / 8)
    return {
        'frames': rng.integers(0, 256, (16, 20, 16, 3), dtype=np.uint8),
        'rank_image': rng.uniform(0, 255, (20, 16, 3)).astype(np.float32),
        'motion': rng.normal(0, 30, (16, 20, 16, 3)).astype(np.float32),
        'gaussians': gaussians / gaussians.sum(axis=1, keepdims=True),
        'apex': 7.4,
    }


def titles(figure):
    return [axes.get_title() or axes.get_title(loc='left') for axes in figure.axes]


def test_confusion_shows_counts_and_fractions_of_the_true_class():
    figure = plot_confusion([[3, 1, 0], [1, 1, 0], [0, 0, 0]], CLASSES, 'SAMM')
    axes = figure.axes[0]
    cells = [text.get_text() for text in axes.texts]
    assert cells[:4] == ['3\n75%', '1\n25%', '0\n0%', '1\n50%']
    assert cells[8] == '0\n0%'  # a class without clips is drawn, not NaN
    np.testing.assert_allclose(axes.images[0].get_array()[0], [0.75, 0.25, 0])
    assert [label.get_text() for label in axes.get_yticklabels()][0] == 'negative\n(4)'
    assert axes.get_xlabel() == 'prediction'
    assert axes.get_title() == 'SAMM'
    with pytest.raises(ValueError, match='3 classes'):
        plot_confusion([[1, 0], [0, 1]], CLASSES)


def test_clip_figure_shows_every_part(clip):
    figure = plot_clip(**clip, title='sub01')
    assert titles(figure) == [
        'onset (t = 0)',
        'apex (t = 7.4)',
        'offset (t = 15)',
        'rank pooling of all frames',
        't = 0',
        't = 7',
        't = 10',
        't = 15',
        'Gaussians of the motion prompts',
    ]
    for axes, time in zip(figure.axes[:3], (0, 7, 15), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), clip['frames'][time])
    curves = figure.axes[-1].lines[:3]
    for curve, weights in zip(curves, clip['gaussians'], strict=True):
        np.testing.assert_array_equal(curve.get_ydata(), weights)


def test_zero_motion_is_mid_gray_and_the_sign_shows(clip):
    clip['motion'][:] = 0
    clip['motion'][7, :10] = 8.0
    clip['motion'][7, 10:] = -4.0
    shown = plot_clip(**clip).axes[5].images[0].get_array()
    np.testing.assert_allclose(shown[:10], 1.0)
    np.testing.assert_allclose(shown[10:], 0.25)
    clip['motion'][:] = 0
    for axes in plot_clip(**clip).axes[4:8]:
        np.testing.assert_array_equal(axes.images[0].get_array(), 0.5)


def test_apex_and_gaussians_may_be_unknown(clip):
    figure = plot_clip(**{**clip, 'apex': None, 'gaussians': None})
    assert 'middle (t = 7.5)' in titles(figure)
    assert len(figure.axes) == 8
    for length in (2, 3):
        short = {name: clip[name][:length] for name in ('frames', 'motion')}
        for apex in (None, 0, length - 1):
            plot_clip(**short, rank_image=clip['rank_image'], apex=apex)


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'apex': 16}, r'0\.\.15'),
        ({'gaussians': np.ones((5, 15))}, r'\(K, 16\)'),
        ({'motion': np.zeros((15, 20, 16, 3))}, 'must have one shape'),
    ],
)
def test_parts_that_do_not_match_are_rejected(clip, changed, message):
    with pytest.raises(ValueError, match=message):
        plot_clip(**{**clip, **changed})


def test_contact_sheet_lays_out_row_by_row():
    images = [np.full((10, 8, 3), number, np.uint8) for number in range(7)]
    figure = contact_sheet(images, list('abcdefg'), columns=3, title='faces')
    assert [axes.texts[0].get_text() for axes in figure.axes] == list('abcdefg')
    for number, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(axes.images[0].get_array(), images[number])
    places = [axes.get_position() for axes in figure.axes]
    assert places[0].x0 < places[1].x0 < places[2].x0
    assert places[3].x0 == pytest.approx(places[0].x0)
    assert places[3].y1 < places[0].y0
    assert places[6].y0 > 0
    assert places[0].y1 < 1
    contact_sheet([np.zeros((8, 8)), np.zeros((6, 9, 3), np.uint8)])


def test_contact_sheet_needs_images_and_as_many_labels():
    with pytest.raises(ValueError, match='at least one'):
        contact_sheet([])
    with pytest.raises(ValueError, match='1 images but 2 labels'):
        contact_sheet([np.zeros((8, 8))], ['a', 'b'])


def test_save_figure_writes_whole_files_and_keeps_the_old_on_failure(tmp_path, clip):
    figure = plot_clip(**clip)
    path = save_figure(figure, tmp_path / 'deep' / 'clip.png', dpi=50)
    assert path.read_bytes().startswith(b'\x89PNG')
    assert save_figure(figure, tmp_path / 'a.pdf').read_bytes().startswith(b'%PDF')
    before = path.read_bytes()
    broken = Figure()
    broken.savefig = lambda *args, **kwargs: 1 / 0
    with pytest.raises(ZeroDivisionError):
        save_figure(broken, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ['clip.png']
    with pytest.raises(MERRunError, match='xyz'):
        save_figure(figure, tmp_path / 'clip.xyz')


def test_large_images_are_shrunk_and_small_ones_kept():
    def decoded(image):
        content = np.frombuffer(encode_png(image), np.uint8)
        return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]

    rng = np.random.default_rng(0)
    assert decoded(rng.uniform(-5, 260, (100, 500, 3))).shape == (44, 224, 3)
    small = rng.integers(0, 256, (7, 5, 3))
    np.testing.assert_array_equal(decoded(small), small)


def test_figures_stay_out_of_pyplot(clip):
    def open_figures():
        pyplot = sys.modules.get('matplotlib.pyplot')
        return [] if pyplot is None else pyplot.get_fignums()

    before = open_figures()  # of the host's visualizer, in other tests
    plot_clip(**clip)
    contact_sheet([np.zeros((8, 8))])
    assert open_figures() == before
