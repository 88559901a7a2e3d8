"""Charts have everything in its place."""

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


def x_of(frame, last):
    return pytest.approx(SIDE + frame / last * (WIDTH - 2 * SIDE), abs=0.1)


def test_apex_truth_and_gaussians_are_at_their_times(prediction):
    svg = gaussians_chart(prediction, truth=30)
    assert lines(svg, 'mer-apex') == [x_of(29.5, 59)]
    # The truth is a frame of the video, in which the window begins at frame 10.
    assert lines(svg, 'mer-truth') == [x_of(20, 59)]
    assert lines(svg, 'mer-cursor') == [SIDE]
    peaks = set()
    for points in re.findall(r'<polyline points="([^"]+)"', svg):
        pairs = [tuple(map(float, pair.split(','))) for pair in points.split()]
        assert len(pairs) == 16
        peaks.add(min(pairs, key=lambda pair: pair[1])[0])
    assert sorted(peaks) == [x_of(n, 15) for n in range(3)]
    # Outside the window it is not drawn.
    for truth in (5, 70):
        assert lines(gaussians_chart(prediction, truth), 'mer-truth') == []


def test_the_movement_is_shaded(prediction):
    window = replace(prediction.window, spot=Spot(0, 10, 59, 1, 1))
    svg = gaussians_chart(replace(prediction, windows=[window]))
    span = ElementTree.fromstring(svg).find("rect[@class='mer-span']")
    assert float(span.get('x')) == SIDE
    assert float(span.get('width')) == WIDTH - 2 * SIDE
    # Without movement and prompts there is an axis alone.
    window = replace(prediction.window, spot=None)
    svg = gaussians_chart(replace(prediction, windows=[window], explanation=None))
    assert lines(svg, 'mer-apex') == [] and '<polyline' not in svg
    assert '0.10</text>' in svg and '0.69 s</text>' in svg
