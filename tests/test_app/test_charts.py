"""Charts: things stand where they are said to be."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from mmaction_mer.app.charts import SIDE, WIDTH, gaussians_chart
from mmaction_mer.motion.spotting import Spot


def lines(svg, kind):
    return [
        float(line.get('x1'))
        for line in ElementTree.fromstring(svg).iter('line')
        if line.get('class') == kind
    ]


def place(frame, last):
    return SIDE + frame / last * (WIDTH - 2 * SIDE)


def test_the_apex_stands_at_its_time(reading):
    svg = gaussians_chart(reading, truth=30)
    assert lines(svg, 'mer-apex') == [pytest.approx(place(29.5, 59), abs=0.1)]
    # The truth is a frame of the video, of which the window begins with the tenth.
    assert lines(svg, 'mer-truth') == [pytest.approx(place(20, 59), abs=0.1)]
    assert lines(svg, 'mer-cursor') == [SIDE]


def test_truth_outside_the_window_is_not_drawn(reading):
    assert lines(gaussians_chart(reading, truth=5), 'mer-truth') == []
    assert lines(gaussians_chart(reading, truth=70), 'mer-truth') == []


def test_each_gaussian_peaks_where_it_is_largest(reading):
    svg = gaussians_chart(reading)
    peaks = set()
    for points in re.findall(r'<polyline points="([^"]+)"', svg):
        pairs = [tuple(map(float, pair.split(','))) for pair in points.split()]
        assert len(pairs) == 16
        peaks.add(min(pairs, key=lambda pair: pair[1])[0])
    assert sorted(peaks) == pytest.approx([place(n, 15) for n in range(3)], abs=0.1)


def test_the_shaded_time_is_the_movement(reading):
    window = replace(reading.window, spot=Spot(0, 10, 59, 1, 1))
    svg = gaussians_chart(replace(reading, windows=[window]))
    span = ElementTree.fromstring(svg).find("rect[@class='mer-span']")
    assert float(span.get('x')) == SIDE
    assert float(span.get('width')) == WIDTH - 2 * SIDE


def test_without_movement_and_prompts_there_is_an_axis(reading):
    window = replace(reading.window, spot=None)
    svg = gaussians_chart(replace(reading, windows=[window], explanation=None))
    assert lines(svg, 'mer-apex') == [] and '<polyline' not in svg
    assert '0.10</text>' in svg and '0.69 s</text>' in svg
