"""Figures of a run show the data they are given."""

import sys

import numpy as np
import pytest

from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.visualization import (
    Mistake,
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
    with pytest.raises(ValueError, match='mpt: 3 accuracies for 2 classes'):
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


def test_tsne_keeps_groups_together_and_is_deterministic():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3), 8, axis=0) * 50
    features = groups + rng.normal(size=(24, 3))
    points = tsne(features, seed=3)
    np.testing.assert_array_equal(points, tsne(features, seed=3))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(1) // 8 == np.arange(24) // 8).all()
    with pytest.raises(MERRunError, match='at least 5 clips, got 4'):
        tsne(features[:4])


def test_without_scikit_learn_the_hint_is_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.manifold', None)
    with pytest.raises(MERRunError) as error:
        tsne(np.zeros((9, 2)))
    assert 'pip install scikit-learn' in error.value.hint


def test_gaussians_are_drawn_with_onset_apex_and_offset():
    rng = np.random.default_rng(0)
    weights = rng.random((4, 2, 16))
    figure = plot_gaussians(weights, [7.25, None, 3, 9], list('abcd'), 'run')
    assert len(figure.axes) == 6
    for axes, curves, name in zip(figure.axes, weights, 'abcd', strict=False):
        assert axes.get_title() == name
        lines = {line.get_label(): line for line in axes.lines}
        for number, curve in enumerate(curves, start=1):
            drawn = lines[f'prompt {number}'].get_ydata()
            np.testing.assert_array_equal(drawn, curve)
    for axes, wanted in zip(figure.axes, ([0, 15, 7.25], [0, 15]), strict=False):
        upright = [line for line in axes.lines if 'prompt' not in line.get_label()]
        assert [line.get_xdata()[0] for line in upright] == wanted
    legend = {text.get_text() for text in figure.legends[0].texts}
    assert legend == {'prompt 1', 'prompt 2', 'onset, offset', 'apex'}
    assert not figure.axes[4].axison
    with pytest.raises(ValueError, match='3 apexes'):
        plot_gaussians(weights, [1, 2, 3], list('abcd'))


def test_a_mistake_shows_its_images_and_probabilities():
    image = np.full((4, 4, 3), 120.0)
    shown = [
        Mistake(
            'c1', 0, 2, [0.1, 0.2, 0.7], images=[('onset', image), ('apex', image)]
        ),
        Mistake('c2', 1, 0, [0.6, 0.4, 0.0], problem='img3.jpg is gone'),
    ]
    figure = plot_mistakes(shown, CLASSES, 'run')
    onset, apex, bars, lost, second = figure.axes
    assert (onset.get_title(), apex.get_title()) == ('onset', 'apex')
    assert (onset.images[0].get_array() == 120).all()
    assert [bar.get_width() for bar in bars.patches] == [0.1, 0.2, 0.7]
    colors = [bar.get_facecolor() for bar in bars.patches]
    assert len(set(colors)) == 3
    # The wrong and the true class have colors of their own.
    second_colors = [bar.get_facecolor() for bar in second.patches]
    assert second_colors[:2] == [colors[2], colors[0]]
    assert bars.get_title(loc='left') == 'c1\nnegative, predicted surprise'
    assert 'img3.jpg is gone' in lost.texts[0].get_text()
    with pytest.raises(ValueError, match='no mistakes'):
        plot_mistakes([], CLASSES)
