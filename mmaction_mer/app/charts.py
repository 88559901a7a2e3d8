"""Charts of a reading as SVG, in the colours of the page around them."""

import io
from collections.abc import Iterable
from html import escape

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.colors import to_hex

from ..apis.clip_prediction import Reading
from ..apis.timeline import plot_timeline

#: Size in the chart's own pixels, and the margins of its drawing.
WIDTH, HEIGHT = 430, 205
SIDE, TOP, BOTTOM = 12, 22, 30
# A colour that no figure has, and what matplotlib draws in it.
_INK = '#010203'
_INKED = ('text.color', 'axes.labelcolor', 'axes.edgecolor', 'xtick.color',
          'ytick.color')  # fmt: skip


def gaussians_chart(reading: Reading, truth: float | None = None) -> str:
    """Draw when the Gaussians of the motion prompts look, and when the face moves.

    Args:
        reading: With ``explained['gaussians']``, or without.
        truth: True frame of the apex, from 0, if it is known.

    Returns:
        SVG. Its cursor, class ``mer-cursor``, follows the player.
    """
    window = reading.window
    last = max(window.stop - window.start - 1, 1)
    parts = []
    if window.spot is not None:
        onset, offset = (_x(t / last) for t in (window.spot.onset, window.spot.offset))
        parts.append(
            f'<rect class="mer-span" x="{onset:.1f}" y="{TOP}" '
            f'width="{offset - onset:.1f}" height="{HEIGHT - TOP - BOTTOM}"/>'
        )
    weights = (reading.explained or {}).get('gaussians')
    if weights is not None:
        parts += _curves(weights)
    if truth is not None and window.start <= truth < window.stop:
        parts.append(_mark((truth - window.start) / last, '', 'mer-truth'))
    if window.spot is not None:
        parts.append(_mark(window.spot.apex / last, 'apex', 'mer-apex'))
    start, stop = window.start / reading.fps, (window.stop - 1) / reading.fps
    return _chart(
        [*parts, _axis(start, stop), _cursor()],
        'Weights of the motion prompts over time, with the estimated apex',
    )


def timeline_chart(reading: Reading) -> str:
    """Draw the figure of a long video's windows, its black in the page's colour.

    Args:
        reading: Of two windows or more.

    Returns:
        SVG.
    """
    ink = {name: _INK for name in _INKED}
    with rc_context({**ink, 'svg.hashsalt': 'page', 'font.size': 9}):
        figure = plot_timeline(reading)
        figure.set_size_inches(10.5, 3.4)
        scores = figure.axes[0]
        scores.set_title('')  # the page names the clip
        legend = scores.get_legend()
        legend.set_loc('lower right')
        legend.set_bbox_to_anchor((1, 1))
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg', transparent=True, metadata={'Date': None})
    svg = buffer.getvalue()
    svg = svg[svg.index('<svg') :].replace(_INK, 'currentColor')
    for black in ('#20242a', '#000000'):
        svg = svg.replace(black, 'currentColor')
    return svg.replace('<svg ', '<svg class="mer-figure" role="img" ', 1)


def _curves(weights: np.ndarray) -> list[str]:
    times = np.linspace(0, 1, weights.shape[1])
    # In the order of their time, so that colours follow it.
    order = np.argsort(weights @ times / weights.sum(axis=1).clip(1e-12))
    shades = np.linspace(0.15, 0.85, len(weights))
    top = max(float(weights.max()), 1e-12) * 1.05
    parts = []
    for shade, index in zip(shades, order, strict=True):
        colour = to_hex(colormaps['viridis'](shade))
        line = list(zip(times, weights[index] / top, strict=True))
        area = [(0.0, 0.0), *line, (1.0, 0.0)]
        parts.append(
            f'<polygon points="{_points(area)}" fill="{colour}" fill-opacity="0.14"/>'
            f'<polyline points="{_points(line)}" fill="none" stroke="{colour}" '
            f'stroke-width="2"/>'
        )
    return parts


def _mark(place: float, text: str, kind: str) -> str:
    """A vertical line with a word above it, that stays within the chart."""
    x = _x(place)
    anchor = 'start' if place < 0.12 else 'end' if place > 0.88 else 'middle'
    return (
        f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" '
        f'y2="{HEIGHT - BOTTOM}"/><text class="{kind}" x="{x:.1f}" y="{TOP - 7}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _axis(start: float, stop: float) -> str:
    """A line of time with five marks, in seconds."""
    base = HEIGHT - BOTTOM
    parts = [
        f'<line class="mer-axis" x1="{SIDE}" x2="{_x(1)}" y1="{base}" y2="{base}"/>'
    ]
    digits = 2 if stop - start < 10 else 0
    for place in np.linspace(0, 1, 5):
        x, second = _x(place), start + place * (stop - start)
        anchor = {0.0: 'start', 1.0: 'end'}.get(float(place), 'middle')
        unit = ' s' if place == 1 else ''
        parts.append(
            f'<line class="mer-axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" '
            f'y2="{base + 4}"/><text x="{x:.1f}" y="{base + 18}" '
            f'text-anchor="{anchor}">{second:.{digits}f}{unit}</text>'
        )
    return ''.join(parts)


def _cursor() -> str:
    return (
        f'<line class="mer-cursor" data-width="{_x(1) - SIDE}" x1="{SIDE}" '
        f'x2="{SIDE}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    )


def _chart(parts: Iterable[str], what: str) -> str:
    return (
        f'<svg class="mer-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(what)}">{"".join(parts)}</svg>'
    )


def _points(places: Iterable[tuple[float, float]]) -> str:
    return ' '.join(f'{_x(x):.1f},{_y(y):.1f}' for x, y in places)


def _x(share: float) -> float:
    return SIDE + share * (WIDTH - 2 * SIDE)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
