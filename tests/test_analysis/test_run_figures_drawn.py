"""Figures of a run, each tested for what it shows."""

import sys

import numpy as np
import pytest

from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.visualization import (
    MistakenClip,
    plot_class_accuracy,
    plot_gaussians,
    plot_mistakes,
    plot_tokens,
    tsne,
)

CLASSES = ['negative', 'positive', 'surprise']


def test_a_bar_is_as_high_as_its_accuracy_and_stands_beside_the_baseline():
    ends = np.array([[0.4, 0.6], [0.7, 1.0], [np.nan, np.nan]])
    runs = {
        'mpt': (np.array([0.5, 0.875, np.nan]), ends),
        'flow': (np.array([0.25, 0.5, 1.0]), np.full((3, 2), np.nan)),
    }
    figure = plot_class_accuracy(runs, CLASSES, [8, 16, 0], 'SAMM')
    (axes,) = figure.axes
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, [50, 87.5, np.nan, 25, 50, 100])
    # The baseline's bar of a class is the next one to the right.
    left, right = axes.patches[0], axes.patches[3]
    assert right.get_x() == pytest.approx(left.get_x() + 0.4)
    lines = [line for line in axes.collections[0].get_segments()]
    np.testing.assert_allclose([line[:, 1] for line in lines], [[40, 60], [70, 100]])
    assert axes.texts[2].get_text() == '–'
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ['negative\n(8 clips)', 'positive\n(16 clips)',
                     'surprise\n(0 clips)']  # fmt: skip
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend == ['mpt', 'flow'] and axes.get_title() == 'SAMM'
    alone = plot_class_accuracy({'mpt': runs['mpt']}, CLASSES, [8, 16, 0])
    assert not alone.legends
    with pytest.raises(ValueError, match='mpt: 3 accuracies of 2 classes'):
        plot_class_accuracy(runs, CLASSES[:2], [8, 16])


def test_points_are_drawn_by_class_and_by_subject():
    points = np.arange(12.0).reshape(6, 2)
    labels, people = [0, 1, 2, 0, 1, 2], ['b', 'b', 'b', 'a', 'a', 'a']
    figure = plot_tokens(points, labels, people, CLASSES, 'SAMM', 'each by its fold')
    left, right = figure.axes
    for axes, groups in (
        (left, {'negative': [0, 3], 'positive': [1, 4], 'surprise': [2, 5]}),
        (right, {'a': [3, 4, 5], 'b': [0, 1, 2]}),
    ):
        assert [one.get_label() for one in axes.collections] == list(groups)
        for drawn, chosen in zip(axes.collections, groups.values(), strict=True):
            np.testing.assert_array_equal(drawn.get_offsets(), points[chosen])
    assert (left.get_title(), right.get_title()) == ('by class', 'by subject')
    assert figure.get_supxlabel() == 'each by its fold'
    with pytest.raises(ValueError, match='5 labels'):
        plot_tokens(points, labels[:5], people, CLASSES)


def test_tsne_keeps_groups_together_and_repeats_itself():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3), 8, axis=0) * 50
    features = groups + rng.normal(size=(24, 3))
    points = tsne(features, seed=3)
    np.testing.assert_array_equal(points, tsne(features, seed=3))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(1) // 8 == np.arange(24) // 8).all()
    with pytest.raises(MERRunError, match='5 clips or more, and here are 4'):
        tsne(features[:4])


def test_without_scikit_learn_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.manifold', None)
    with pytest.raises(MERRunError, match=r'pip install scikit-learn.*\[analysis\]'):
        tsne(np.zeros((9, 2)))


def test_gaussians_are_drawn_with_onset_apex_and_offset():
    rng = np.random.default_rng(0)
    weights = rng.random((4, 2, 16))
    figure = plot_gaussians(weights, [7.25, None, 3, 9], list('abcd'), 'run')
    assert len(figure.axes) == 6
    for axes, curves, name in zip(figure.axes, weights, 'abcd', strict=False):
        assert axes.get_title() == name
        for line, curve in zip(axes.lines, curves, strict=False):
            np.testing.assert_array_equal(line.get_ydata(), curve)
    upright = [line.get_xdata()[0] for line in figure.axes[0].lines[2:]]
    assert upright == [0, 15, 7.25]
    upright = [line.get_xdata()[0] for line in figure.axes[1].lines[2:]]
    assert upright == [0, 15], 'an apex that is not known is not drawn'
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend == ['prompt 1', 'prompt 2', 'onset, offset', 'apex']
    assert not figure.axes[4].axison
    with pytest.raises(ValueError, match='3 apexes'):
        plot_gaussians(weights, [1, 2, 3], list('abcd'))


def test_a_mistake_shows_its_pictures_and_what_was_said():
    picture = np.full((4, 4, 3), 120.0)
    shown = [
        MistakenClip(
            'c1', 0, 2, [0.1, 0.2, 0.7], [('onset', picture), ('apex', picture)]
        ),
        MistakenClip('c2', 1, 0, [0.6, 0.4, 0.0], problem='img3.jpg is gone'),
    ]
    figure = plot_mistakes(shown, CLASSES, 'run')
    onset, apex, bars, lost, second = figure.axes
    assert (onset.get_title(), apex.get_title()) == ('onset', 'apex')
    assert (onset.images[0].get_array() == 120).all()
    assert [bar.get_width() for bar in bars.patches] == [0.1, 0.2, 0.7]
    colours = [bar.get_facecolor() for bar in bars.patches]
    assert len(set(colours)) == 3
    # What was wrongly said has one colour, and what is right another.
    said = [bar.get_facecolor() for bar in second.patches]
    assert (said[0], said[1]) == (colours[2], colours[0])
    assert bars.get_title(loc='left') == 'c1\nnegative, taken for surprise'
    assert 'img3.jpg is gone' in lost.texts[0].get_text()
    with pytest.raises(ValueError, match='no mistake'):
        plot_mistakes([], CLASSES)
