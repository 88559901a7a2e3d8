"""The figures of the documentation show what they are there to show."""

import numpy as np
import pytest
from load_tool import TOOLS, load_tool
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text
from PIL import Image


@pytest.fixture
def load(monkeypatch):
    """Scripts of tools/docs, which share a file beside them."""
    monkeypatch.syspath_prepend(TOOLS / 'docs')
    return lambda name: load_tool(f'docs/{name}.py')


def words(figure):
    return ' | '.join(text.get_text() for text in figure.findobj(Text))


def test_architecture_shows_every_part(load):
    figure = load('draw_architecture').draw()
    said = words(figure)
    for number in (1, 2, 3, 8, 12, 14, 15, 16, 17):
        assert f'Eq. {number}' in said
    assert 'Eq. 4–7' in said and 'Eq. 9–11' in said
    for part in (
        'frames of a face', 'rank pooling', 'Eulerian\nmagnification', 'K Gaussians',
        'patch embedding', 'attention', 'feed-forward', 'group adapter', 'linear head',
        '5.5 M', '85.8 M',
    ):  # fmt: skip
        assert part in said


def test_architecture_says_by_colour_what_learns(load):
    tool = load('draw_architecture')
    figure = tool.draw()
    kinds = {to_hex(fill): kind for kind, (fill, _) in tool.KINDS.items()}
    boxes = {
        (box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2): box
        for box in figure.findobj(FancyBboxPatch)
    }
    found = {}
    for text in figure.findobj(Text):
        box = boxes.get(text.get_position())
        if box is not None and text.get_text():
            found[text.get_text().split('\n')[0]] = kinds[to_hex(box.get_facecolor())]
    assert found == {
        'rank pooling': 'fixed',
        'Eulerian': 'fixed',
        'patch embedding': 'frozen',
        'attention': 'frozen',
        'feed-forward': 'frozen',
        'norm': 'frozen',
        'convolution': 'learns',
        'projection': 'learns',
        'linear head': 'learns',
    }


@pytest.fixture
def concepts(load):
    return load('draw_concepts')


def test_timing_marks_the_peak(concepts):
    figure = concepts.timing()
    assert all(name in words(figure) for name in ('onset', 'apex', 'offset'))
    axes = next(axes for axes in figure.findobj() if getattr(axes, 'lines', None))
    course, *marks = axes.lines
    times = [mark.get_xdata()[0] for mark in marks]
    assert times == sorted(times) and len(times) == 3
    assert course.get_xdata()[np.argmax(course.get_ydata())] == times[1]


def test_magnification_moves_the_brow_farther(concepts):
    figure = concepts.magnification()
    strips = {
        axes.get_title(): axes.images[0].get_array()
        for axes in figure.axes
        if 'column' in axes.get_title()
    }
    filmed, magnified = (
        np.asarray(strip, float).mean(axis=2) for strip in strips.values()
    )
    change = [np.abs(one - one[:, :1]).mean() for one in (filmed, magnified)]
    assert change[1] > 2 * change[0] > 0


def test_rank_pooling_shows_weights_that_sum_to_zero(concepts):
    figure = concepts.rank_pooling()
    bars = [bar for bar in figure.findobj(Rectangle) if 0 < bar.get_width() < 0.8]
    heights = [bar.get_height() for bar in bars if bar.get_width() == 0.75]
    assert len(heights) == 16
    assert sum(heights) == pytest.approx(0, abs=1e-9) and heights[0] < 0
    assert 'apex' in words(figure)


def test_gaussians_start_spread_over_the_clip(concepts):
    figure = concepts.gaussians()
    curves = [
        line.get_ydata() for line in figure.axes[1].lines if line.get_marker() == 'o'
    ]
    peaks = [int(np.argmax(curve)) for curve in curves]
    assert len(curves) == 5 and peaks == sorted(set(peaks))
    assert all(curve.sum() == pytest.approx(1, abs=1e-5) for curve in curves)
    assert all(f'$\\mu_{k}$' in words(figure) for k in range(1, 6))


def test_loso_holds_out_people_and_the_leak_does_not(concepts):
    figure = concepts.loso()
    sound, leak = figure.axes[:2]
    for axes, is_sound in ((sound, True), (leak, False)):
        tested = [
            (int(clip.get_y()), int(clip.get_x()))
            for clip in axes.patches
            if to_hex(clip.get_facecolor()) == concepts.ORANGE
        ]
        assert len(tested) == 6 * 4  # each clip once
        assert all(fold == subject for fold, subject in tested) is is_sound
    assert 'leave one subject out' in words(figure) and 'leak' in words(figure)


def test_intervals_show_the_pooled_score(concepts):
    figure = concepts.intervals()
    people, draws = figure.axes
    assert len(people.patches) == 10
    assert 'pooled: 90 of 120 clips, 75.0 %' in words(figure)
    assert draws.lines[0].get_xdata()[0] == 75


def test_scripts_write_small_pictures(load, concepts, tmp_path, capsys):
    load('draw_architecture').main(['--out', str(tmp_path / 'architecture.png')])
    concepts.main(['--out', str(tmp_path), '--only', 'loso'])
    assert capsys.readouterr().out.split() == [
        str(tmp_path / f'{name}.png') for name in ('architecture', 'loso')
    ]
    for path in tmp_path.glob('*.png'):
        with Image.open(path) as picture:
            assert picture.width > 1000
        assert path.stat().st_size < 250_000


def test_the_same_picture_is_drawn_again(concepts, tmp_path):
    first, second = (
        concepts.save(concepts.loso(), tmp_path / name).read_bytes()
        for name in ('a.png', 'b.png')
    )
    assert first == second
