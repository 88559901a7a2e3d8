"""What the figures of the documentation share: colours, boxes, a sample clip."""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image

from mmaction_mer.datasets.synthme.clip import Timing, render_clip
from mmaction_mer.datasets.synthme.face import render_texture
from mmaction_mer.datasets.synthme.identity import sample_identity
from mmaction_mer.datasets.synthme.nuisance import FPS, Nuisance
from mmaction_mer.utils.files import atomic_write

IMAGES = Path(__file__).parents[2] / 'docs' / 'images'
#: Fill and edge of a box, by what it holds.
KINDS = {
    'learns': ('#fde6d2', '#d9660a'),
    'frozen': ('#dbe7f5', '#3f6ea8'),
    'fixed': ('#f3f3f1', '#8b8b85'),
    'group': ('#ffffff', '#8b8b85'),
}
#: Colours of the class, patch and prompt tokens.
TOKENS = {'class': '#7b4ea3', 'patch': '#3f6ea8', 'prompt': '#d9660a'}
INK = '#23272e'
MUTED = '#6a6f76'
APEX = '#c0392b'
#: Letters of a board stay legible at half of its size.
SCALE = 1.22
#: Frames of a clip, as the model sees it.
LENGTH = 16
TIMING = Timing(length=70, onset=5, apex=30, offset=62)


def sample_clip(
    action: dict[str, float], nuisance: Nuisance, size: int = 160, who: int = 1
) -> tuple[np.ndarray, float, float]:
    """Draw 16 frames of SynthME from onset to offset.

    Args:
        action: Pixels at 224 of each action unit at the apex.
        nuisance: What disturbs the view.
        size: Side in pixels.
        who: Seed of the face.

    Returns:
        Frames ``(16, size, size, 3)`` uint8, the position of the apex among them, and
        their frame rate in Hz.
    """
    face = render_texture(sample_identity(np.random.default_rng(who)))
    chosen = np.linspace(TIMING.onset, TIMING.offset, LENGTH)
    frames = render_clip(
        face,
        action,
        TIMING,
        np.random.default_rng(1),
        size,
        nuisance,
        chosen.round().astype(int).tolist(),
    )
    span = TIMING.offset - TIMING.onset
    apex = (TIMING.apex - TIMING.onset) / span * (LENGTH - 1)
    return frames, apex, FPS * (LENGTH - 1) / span


def board(width: float, height: float) -> tuple[Figure, Axes]:
    """A sheet without axes, measured in inches from its lower left corner."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def box(
    axes: Axes,
    place: tuple[float, float, float, float],
    text: str = '',
    kind: str = 'fixed',
    **options: float,
) -> None:
    """A rounded box at ``(left, bottom, width, height)`` with text in its middle."""
    left, bottom, width, height = place
    fill, edge = KINDS[kind]
    style = f'round,pad=0,rounding_size={min(0.09, height / 3)}'
    axes.add_patch(
        FancyBboxPatch(
            (left, bottom),
            width,
            height,
            boxstyle=style,
            facecolor=fill,
            edgecolor=edge,
            linewidth=1.3,
            zorder=options.get('zorder', 2),
        )
    )
    axes.text(
        left + width / 2,
        bottom + height / 2,
        text,
        ha='center',
        va='center',
        fontsize=9.5 * SCALE,
        color=INK,
        linespacing=1.3,
        rotation=options.get('rotation', 0),
        zorder=5,
    )


def arrow(axes: Axes, *points: tuple[float, float], colour: str = INK) -> None:
    """A line through the points, with a head at the last one."""
    for start, end in zip(points[:-2], points[1:-1], strict=True):
        axes.plot(*zip(start, end, strict=True), color=colour, lw=1.3, zorder=1.5)
    axes.add_patch(
        FancyArrowPatch(
            points[-2],
            points[-1],
            arrowstyle='-|>',
            mutation_scale=11,
            color=colour,
            linewidth=1.3,
            shrinkA=0,
            shrinkB=0,
            zorder=1.5,
        )
    )


def stack(
    axes: Axes,
    pictures: np.ndarray,
    left: float,
    bottom: float,
    side: float,
    step: float = 0.09,
    edge: str = 'white',
) -> None:
    """Pictures behind one another, the first one in front."""
    count = len(pictures)
    for index in reversed(range(count)):
        x, y = left + index * step, bottom + index * step
        axes.imshow(
            pictures[index],
            extent=(x, x + side, y, y + side),
            interpolation='antialiased',
            aspect='auto',
            zorder=3 + (count - index) / 100,
        )
        axes.plot(
            [x, x + side, x + side, x, x],
            [y, y, y + side, y + side, y],
            color=edge,
            lw=1.2,
            zorder=3.005 + (count - index) / 100,
        )


def grey(motion: np.ndarray, held: float = 99.5) -> np.ndarray:
    """Signed motion as a picture: mid-grey for none."""
    limit = float(np.percentile(np.abs(motion), held)) or 1.0
    return np.clip((motion / limit + 1) / 2, 0, 1)


def save(figure: Figure, path: Path, dpi: int = 120) -> Path:
    """Write a figure as a PNG of 256 colours, which is a third of the size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=dpi, facecolor='white')
    picture = Image.open(buffer).convert('RGB')
    picture = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=0)
    small = io.BytesIO()
    picture.save(small, format='png', optimize=True)
    return atomic_write(path, small.getvalue())
