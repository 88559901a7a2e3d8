"""Draw charts of a prediction as SVG, in the colors of the surrounding page."""

import io
from collections.abc import Iterable
from html import escape

import numpy as np

from ..apis.clip_prediction import ClipPrediction
from ..apis.timeline import plot_timeline

#: Size of a chart and its margins, in its own pixels.
WIDTH, HEIGHT = 430, 205
SIDE, TOP, BOTTOM = 12, 22, 30
# A color that no figure uses, which is replaced by the text color of the page; and the
# settings of matplotlib that it is used for.
_INK = '#010203'
_INKED = ('text.color', 'axes.labelcolor', 'axes.edgecolor', 'xtick.color',
          'ytick.color')  # fmt: skip


def gaussians_chart(prediction: ClipPrediction, truth: float | None = None) -> str:
    """Draw the Gaussians of the motion prompts and the movement over time.

    Args:
        prediction: Prediction for the clip.
        truth: True frame of the apex, from 0. Defaults to None, unknown.

    Returns:
        SVG. Its cursor, of class ``mer-cursor``, follows the player.
    """
    window = prediction.window
    last = max(window.stop - window.start - 1, 1)
    parts = []
    if window.spot is not None:
        onset, offset = (_x(t / last) for t in (window.spot.onset, window.spot.offset))
        parts.append(
            f'<rect class="mer-span" x="{onset:.1f}" y="{TOP}" '
            f'width="{offset - onset:.1f}" height="{HEIGHT - TOP - BOTTOM}"/>'
        )
    weights = (prediction.explanation or {}).get('gaussians')
    if weights is not None:
        parts += _curves(weights)
    if truth is not None and window.start <= truth < window.stop:
        parts.append(_mark((truth - window.start) / last, '', 'mer-truth'))
    if window.spot is not None:
        parts.append(_mark(window.spot.apex / last, 'apex', 'mer-apex'))
    start, stop = window.start / prediction.fps, (window.stop - 1) / prediction.fps
    return _chart(
        [*parts, _axis(start, stop), _cursor()],
        'Weights of the motion prompts over time, with the estimated apex',
    )


def timeline_chart(prediction: ClipPrediction) -> str:
    """Draw the timeline of a long video, with text in the color of the page.

    Args:
        prediction: Prediction with two windows or more.

    Returns:
        SVG.
    """
    from matplotlib import rc_context

    ink = dict.fromkeys(_INKED, _INK)
    with rc_context({**ink, 'svg.hashsalt': 'page', 'font.size': 9}):
        figure = plot_timeline(prediction)
        figure.set_size_inches(10.5, 3.4)
        scores = figure.axes[0]
        scores.set_title('')  # the page has the name of the clip
        legend = scores.get_legend()
        legend.set_loc('lower right')
        legend.set_bbox_to_anchor((1, 1))
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg', transparent=True, metadata={'Date': None})
    svg = buffer.getvalue()
    svg = svg[svg.index('<svg') :].replace(_INK, 'currentColor')
    for dark in ('#20242a', '#000000'):
        svg = svg.replace(dark, 'currentColor')
    return svg.replace('<svg ', '<svg class="mer-figure" role="img" ', 1)


def _curves(weights: np.ndarray) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    times = np.linspace(0, 1, weights.shape[1])
    # Sorted by their time, so that colors follow it.
    order = np.argsort(weights @ times / weights.sum(axis=1).clip(1e-12))
    shades = np.linspace(0.15, 0.85, len(weights))
    top = max(float(weights.max()), 1e-12) * 1.05
    parts = []
    for shade, index in zip(shades, order, strict=True):
        color = to_hex(colormaps['viridis'](shade))
        line = list(zip(times, weights[index] / top, strict=True))
        area = [(0.0, 0.0), *line, (1.0, 0.0)]
        parts.append(
            f'<polygon points="{_points(area)}" fill="{color}" fill-opacity="0.14"/>'
            f'<polyline points="{_points(line)}" fill="none" stroke="{color}" '
            f'stroke-width="2"/>'
        )
    return parts


def _mark(place: float, text: str, kind: str) -> str:
    """Draw a vertical line with a label above it that stays within the chart."""
    x = _x(place)
    anchor = 'start' if place < 0.12 else 'end' if place > 0.88 else 'middle'
    return (
        f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" '
        f'y2="{HEIGHT - BOTTOM}"/><text class="{kind}" x="{x:.1f}" y="{TOP - 7}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _axis(start: float, stop: float) -> str:
    """Draw a time axis with five ticks, in seconds."""
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


def _chart(parts: Iterable[str], label: str) -> str:
    return (
        f'<svg class="mer-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _points(places: Iterable[tuple[float, float]]) -> str:
    return ' '.join(f'{_x(x):.1f},{_y(y):.1f}' for x, y in places)


def _x(fraction: float) -> float:
    return SIDE + fraction * (WIDTH - 2 * SIDE)


def _y(fraction: float) -> float:
    return HEIGHT - BOTTOM - fraction * (HEIGHT - TOP - BOTTOM)
