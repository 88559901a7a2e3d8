"""Draw the architecture of motion prompt tuning, as far as a picture can say it.

The pictures in it are of a synthetic clip, the Gaussians those that training starts
from. Equations are those of the paper on MPT.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawing import (
    IMAGES,
    INK,
    KINDS,
    LENGTH,
    MUTED,
    SCALE,
    TOKENS,
    arrow,
    board,
    box,
    grey,
    sample_clip,
    save,
    stack,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from mmaction_mer.datasets.synthme.nuisance import Nuisance
from mmaction_mer.models import MotionPrompt
from mmaction_mer.motion import magnify, rank_pool

PROMPTS = 5
#: Heights of the tokens: class, patches, prompts.
CLASS, PATCHES, PROMPT = 5.95, (5.4, 5.1, 4.8, 4.5), 2.95
SIDE = 0.22


def draw() -> Figure:
    """Draw the figure, 16.6 by 7 inches."""
    calm = Nuisance(0, 0, 0, 0, 0, 1.0, 0, 0)
    frames, _, fps = sample_clip({'1': 2.2, '2': 2.2, '5': 0.8}, calm)
    figure, axes = board(16.6, 7)
    _title(axes)
    _input(axes, frames)
    _image_stream(axes, rank_pool(frames))
    _motion_stream(axes, magnify(frames, fps))
    _tokens(axes, 9.65)
    _layers(axes)
    _output(axes)
    _legend(axes)
    return figure


def _say(
    axes: Axes, x: float, y: float, text: str, size: float = 9.5, **options: Any
) -> None:
    options = {'color': INK, 'ha': 'center', 'va': 'center', **options}
    axes.text(x, y, text, fontsize=size * SCALE, linespacing=1.3, zorder=6, **options)


def _title(axes: Axes) -> None:
    _say(axes, 0.3, 6.68, 'Motion prompt tuning', 15, ha='left', weight='bold')
    words = 'a clip becomes one image and five prompts of a Vision Transformer'
    _say(axes, 3.75, 6.66, words, 10.5, ha='left', color=MUTED)


def _input(axes: Axes, frames: np.ndarray) -> None:
    stack(axes, frames[[0, 4, 7, 11, 15]], 0.3, 3.25, 1.25)
    _say(axes, 1.1, 3.0, f'{LENGTH} frames of a face')
    _say(axes, 1.1, 2.75, 'option: head held still', 8.5, color=MUTED)
    arrow(axes, (1.98, 4.2), (2.25, 4.2), (2.25, 5.1), (2.55, 5.1))
    arrow(axes, (1.98, 3.9), (2.25, 3.9), (2.25, 1.85), (2.55, 1.85))


def _image_stream(axes: Axes, pooled: np.ndarray) -> None:
    box(axes, (2.55, 4.7, 1.4, 0.8), 'rank pooling\nEq. 1')
    arrow(axes, (3.95, 5.1), (4.25, 5.1))
    stack(axes, pooled[None].astype(np.uint8), 4.25, 4.3, 1.6, edge='#8b8b85')
    _say(axes, 5.05, 4.1, 'one image of what changed')
    arrow(axes, (5.85, 5.1), (6.58, 5.1))
    words = 'patch embedding\n+ class token\n+ position embedding\nEq. 2'
    box(axes, (6.58, 4.48, 2.08, 1.24), words, 'frozen')
    arrow(axes, (8.66, 5.1), (9.25, 5.1))
    _bracket(axes, 9.4, PATCHES[-1], CLASS)


def _motion_stream(axes: Axes, motion: np.ndarray) -> None:
    box(axes, (2.55, 1.35, 1.4, 1.0), 'Eulerian\nmagnification\nEq. 4–7')
    arrow(axes, (3.95, 1.85), (4.25, 1.85))
    stack(axes, grey(motion, 99.8)[[7, 9, 11, 13, 15]], 4.25, 1.05, 1.25)
    _say(axes, 5.05, 0.82, f'motion in {LENGTH} frames')

    box(axes, (6.15, 0.68, 2.95, 3.0), kind='learns', zorder=1)
    _say(axes, 7.6, 3.46, 'motion prompts', 10.5, weight='bold')
    arrow(axes, (5.92, 1.85), (6.32, 1.85))
    words = 'convolution\nGELU\nmean over\nthe face\nEq. 8'
    box(axes, (6.32, 1.22, 1.15, 1.26), words, 'learns')
    arrow(axes, (7.47, 1.85), (7.68, 1.85))
    _gaussians(axes, (7.68, 1.22, 1.26, 1.26))
    _say(axes, 8.31, 0.95, 'K Gaussians\nEq. 9–11', 8.5)
    arrow(axes, (8.31, 2.48), (8.31, 2.68))
    box(axes, (7.68, 2.68, 1.26, 0.54), 'projection\nEq. 12', 'learns')
    arrow(axes, (8.94, PROMPT), (9.25, PROMPT))
    _bracket(axes, 9.4, PROMPT - 0.54, PROMPT + 0.54)


def _bracket(axes: Axes, x: float, low: float, high: float) -> None:
    """A brace left of tokens from the lowest to the highest."""
    low, high = low - SIDE / 2, high + SIDE / 2
    axes.plot([x, x - 0.09, x - 0.09, x], [low, low, high, high], color=INK, lw=1.2)


def _gaussians(axes: Axes, place: tuple[float, float, float, float]) -> None:
    """The Gaussians that training starts from, each to its own height."""
    left, bottom, width, height = place
    prompt = MotionPrompt(embed_dims=8, num_prompts=PROMPTS, length=LENGTH)
    torch.nn.init.zeros_(prompt.to_mean.weight)
    torch.nn.init.zeros_(prompt.to_sigma.weight)
    with torch.no_grad():
        mu, sigma, _ = prompt.gaussians(torch.zeros(1, LENGTH, 128))
    edge = KINDS['learns'][1]
    frame = Rectangle((left, bottom), width, height, fc='white', ec=edge, lw=1.3)
    axes.add_patch(frame).set_zorder(3)
    t = np.linspace(0, LENGTH - 1, 121)
    x = left + 0.07 + (width - 0.14) * t / (LENGTH - 1)
    floor = bottom + 0.07
    for mean, width_of in zip(mu[0].tolist(), sigma[0].tolist(), strict=True):
        bell = np.exp(-((t - mean) ** 2) / (2 * width_of**2))
        y = floor + (height - 0.3) * bell
        axes.fill_between(x, floor, y, color=edge, alpha=0.1, lw=0, zorder=3.5)
        axes.plot(x, y, color=edge, lw=1.4, zorder=4)


def _tokens(axes: Axes, x: float, words: bool = True) -> None:
    """A column of tokens: class, patches, prompts."""
    places = [('class', CLASS), *(('patch', y) for y in PATCHES)]
    places += [('prompt', PROMPT + (2 - i) * 0.27) for i in range(PROMPTS)]
    for kind, y in places:
        corner = (x - SIDE / 2, y - SIDE / 2)
        token = Rectangle(corner, SIDE, SIDE, fc=TOKENS[kind], ec='white', zorder=4)
        axes.add_patch(token)
    _say(axes, x, PATCHES[-1] - 0.27, '⋮', 11, color=TOKENS['patch'])
    if words:
        _say(axes, x - 0.15, 6.26, 'tokens, Eq. 3', 9)


def _layers(axes: Axes) -> None:
    # The layers behind it.
    for shift in (0.16, 0.08):
        place = (10.15 + shift, 2.0 + shift, 3.25, 4.2)
        box(axes, place, kind='group', zorder=0.5 - shift)
    box(axes, (10.15, 2.0, 3.25, 4.2), kind='group', zorder=0.5)
    _say(axes, 11.85, 6.62, '12 layers', 10.5, weight='bold')
    for x, words in ((10.35, 'attention'), (10.9, 'feed-forward')):
        box(axes, (x, 2.3, 0.42, 3.72), words, 'frozen', rotation=90)
    kinds = (
        ('class', CLASS - 0.12, 'class\nEq. 14'),
        ('patch', 4.72, 'patches\nEq. 15'),
        ('prompt', PROMPT, 'prompts\nEq. 16'),
    )
    for kind, y, words in kinds:
        arrow(axes, (9.82, y), (10.35, y))
        arrow(axes, (10.77, y), (10.9, y))
        arrow(axes, (11.32, y), (11.72, y))
        arrow(axes, (13.12, y), (13.85, y))
        _bottleneck(axes, (11.72, y - 0.29, 1.4, 0.58), TOKENS[kind])
        _say(axes, 12.42, y, words, 8.5)
    for low, high in ((5.06, 5.5), (3.29, 4.38)):
        axes.annotate(
            '',
            (12.42, low),
            (12.42, high),
            arrowprops={'arrowstyle': '<|-|>', 'color': MUTED, 'lw': 1.1},
            zorder=3,
        )
        _say(axes, 12.55, (low + high) / 2, 'means', 8.5, color=MUTED, ha='left')
    _say(axes, 12.42, 2.36, 'group adapter', weight='bold')
    _say(axes, 12.42, 2.15, '768 → 96 → 768', 8, color=MUTED)


def _bottleneck(
    axes: Axes, place: tuple[float, float, float, float], colour: str
) -> None:
    """Two trapezoids that meet at their narrow sides."""
    left, bottom, width, height = place
    waist, centre = height * 0.17, left + width / 2
    shape = [
        (left, bottom),
        (centre, bottom + waist),
        (left + width, bottom),
        (left + width, bottom + height),
        (centre, bottom + height - waist),
        (left, bottom + height),
    ]
    fill, _ = KINDS['learns']
    axes.add_patch(Polygon(shape, facecolor=fill, edgecolor=colour, lw=1.6, zorder=3))


def _output(axes: Axes) -> None:
    _tokens(axes, 14.02, words=False)
    for y, words in ((4.0, '196 patches'), (PROMPT, f'{PROMPTS} prompts')):
        _say(axes, 14.25, y, words, 8.5, ha='left', color=MUTED)
    arrow(axes, (14.18, CLASS), (14.46, CLASS))
    box(axes, (14.46, CLASS - 0.22, 0.64, 0.44), 'norm', 'frozen')
    arrow(axes, (15.1, CLASS), (15.34, CLASS))
    box(axes, (15.34, CLASS - 0.33, 1.1, 0.66), 'linear head\nEq. 17', 'learns')
    arrow(axes, (15.89, CLASS - 0.33), (15.89, 5.2))
    for index, (name, share) in enumerate(
        (('negative', 0.12), ('positive', 0.2), ('surprise', 0.68))
    ):
        y = 4.95 - index * 0.32
        bar = Rectangle((15.55, y - 0.09), 0.95 * share, 0.18, fc=TOKENS['class'])
        axes.add_patch(bar).set_alpha(1.0 if share > 0.5 else 0.45)
        _say(axes, 15.48, y, name, 8.5, ha='right')


def _legend(axes: Axes) -> None:
    for x, kind, words in (
        (10.15, 'learns', 'learns: 5.5 M parameters'),
        (10.15, 'frozen', 'frozen: a ViT-B/16, 85.8 M parameters'),
        (10.15, 'fixed', 'has no parameters'),
    ):
        y = {'learns': 1.2, 'frozen': 0.85, 'fixed': 0.5}[kind]
        box(axes, (x, y, 0.32, 0.22), kind=kind)
        _say(axes, x + 0.45, y + 0.11, words, ha='left')


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figure into a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--out', type=Path, default=IMAGES / 'architecture.png')
    print(save(draw(), parser.parse_args(arguments).out))


if __name__ == '__main__':
    sys.exit(main())
