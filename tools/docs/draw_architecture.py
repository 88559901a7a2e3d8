"""Draw the architecture of motion prompt tuning: docs/images/architecture.png.

    python tools/docs/draw_architecture.py [--out FILE]

The pictures are of a synthetic clip. Equations are those of the paper on MPT.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mmaction_mer.datasets import synthme
from mmaction_mer.motion import magnify, rank_pool

OUT = Path(__file__).parents[2] / 'docs/images/architecture.png'
#: Fill and edge of a box, by what it holds.
KINDS = {
    'trainable': ('#fde6d2', '#d9660a'),
    'frozen': ('#dbe7f5', '#3f6ea8'),
    'fixed': ('#f3f3f1', '#8b8b85'),
    'group': ('#ffffff', '#8b8b85'),
}
TOKENS = {'class': '#7b4ea3', 'patch': '#3f6ea8', 'prompt': '#d9660a'}
#: Left, bottom, width, height in inches; later boxes lie on earlier ones.
BOXES = [
    ((2.4, 4.7, 1.5, 0.8), 'rank pooling\nEq. 1', 'fixed'),
    ((2.4, 1.35, 1.5, 1.0), 'Eulerian\nmagnification\nEq. 4–7', 'fixed'),
    (
        (6.3, 4.5, 2.2, 1.2),
        'patch embedding\n+ class token\n+ positions\nEq. 2',
        'frozen',
    ),
    ((6.2, 0.7, 2.6, 2.6), '', 'trainable'),
    ((6.4, 1.2, 1.1, 1.2), 'convolution\nGELU, mean\nEq. 8', 'trainable'),
    ((7.7, 1.2, 0.95, 1.2), 'K\nGaussians\nEq. 9–11', 'trainable'),
    ((7.7, 2.65, 0.95, 0.5), 'project\nEq. 12', 'trainable'),
    ((10.0, 1.0, 4.0, 5.0), '', 'group'),
    ((10.2, 1.3, 0.45, 4.4), 'attention', 'frozen'),
    ((10.9, 1.3, 0.45, 4.4), 'feed-forward', 'frozen'),
    ((11.8, 4.95, 1.9, 0.6), 'class, Eq. 14', 'trainable'),
    ((11.8, 4.0, 1.9, 0.6), 'patches, Eq. 15', 'trainable'),
    ((11.8, 1.7, 1.9, 0.6), 'prompts, Eq. 16', 'trainable'),
    ((15.0, 5.0, 0.7, 0.5), 'norm', 'frozen'),
    ((14.8, 3.9, 1.1, 0.6), 'linear head\nEq. 17', 'trainable'),
]
ARROWS = [
    ((1.9, 3.6), (2.4, 4.9)), ((1.9, 3.4), (2.4, 2.1)), ((3.9, 5.1), (4.2, 5.1)),
    ((3.9, 1.85), (4.2, 1.85)), ((5.8, 5.1), (6.3, 5.1)), ((5.9, 1.85), (6.4, 1.85)),
    ((7.5, 1.85), (7.7, 1.85)), ((8.17, 2.45), (8.17, 2.65)), ((8.5, 5.1), (9.2, 5.1)),
    ((8.65, 2.9), (9.2, 2.2)), ((9.6, 5.25), (10.2, 5.25)), ((9.6, 4.3), (10.2, 4.3)),
    ((9.6, 2.0), (10.2, 2.0)), ((11.35, 5.25), (11.8, 5.25)),
    ((11.35, 4.3), (11.8, 4.3)), ((11.35, 2.0), (11.8, 2.0)),
    ((13.7, 5.25), (14.2, 5.25)), ((13.7, 4.3), (14.2, 4.3)),
    ((13.7, 2.0), (14.2, 2.0)), ((14.6, 5.25), (15.0, 5.25)),
    ((15.35, 5.0), (15.35, 4.5)),
]  # fmt: skip
WORDS = [
    (0.3, 6.6, 'Motion prompt tuning', 18),
    (4.1, 6.6, 'a clip becomes one image and five prompts of a Vision Transformer', 13),
    (0.3, 2.4, '16 frames of a face', 11),
    (4.0, 4.05, 'one image of what changed', 11),
    (4.2, 0.8, 'motion in 16 frames', 11),
    (6.8, 3.4, 'motion prompts', 12),
    (8.9, 5.6, 'tokens, Eq. 3', 11),
    (10.1, 6.1, '12 layers', 12),
    (11.8, 3.0, 'group adapter\n768 → 96 → 768, shares\nthe means of its groups', 10),
    (6.2, 0.25, 'orange: trainable, 5.5 M parameters', 11),
    (10.0, 0.25, 'blue: frozen, a ViT-B/16 of 85.8 M parameters', 11),
]


def sample_clip() -> tuple[np.ndarray, float]:
    """Draw 16 frames of SynthME, ``(16, 160, 160, 3)`` uint8, and their rate in Hz."""
    face = synthme.render_texture(synthme.sample_identity(np.random.default_rng(1)))
    timing = synthme.Timing(length=70, onset=5, apex=30, offset=62)
    chosen = np.linspace(timing.onset, timing.offset, 16).round().astype(int)
    still = synthme.Nuisance(0, 0, 0, 0, 0, 1.0, 0, 0)
    rng = np.random.default_rng(1)
    action = {'1': 2.2, '2': 2.2, '5': 0.8}
    frames = synthme.render_clip(face, action, timing, rng, 160, still, chosen.tolist())
    return frames, synthme.FPS * 15 / (timing.offset - timing.onset)


def show(axes: Axes, pictures: np.ndarray, left: float, bottom: float) -> None:
    """Show pictures behind one another, the first one in front."""
    for index in reversed(range(len(pictures))):
        x, y = left + 0.09 * index, bottom + 0.09 * index
        place = (x, x + 1.3, y, y + 1.3)
        axes.imshow(
            pictures[index], extent=place, aspect='auto', zorder=5 - index / 100
        )


def draw() -> Figure:
    """Draw the figure."""
    figure = Figure(figsize=(16.4, 7))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for (left, bottom, width, height), words, kind in BOXES:
        fill, edge = KINDS[kind]
        style = 'round,pad=0,rounding_size=0.08'
        axes.add_patch(
            FancyBboxPatch((left, bottom), width, height, style, fc=fill, ec=edge)
        )
        axes.text(
            *(left + width / 2, bottom + height / 2, words),
            **dict(ha='center', va='center', fontsize=11),
            rotation=90 if height > 4 else 0,
        )
    for start, end in ARROWS:
        axes.annotate(
            '', end, start, arrowprops=dict(arrowstyle='-|>', color='#23272e')
        )
    for x, y, words, size in WORDS:
        axes.text(x, y, words, fontsize=size, weight='bold' if size > 13 else None)
    for x in (9.4, 14.4):
        heights = [('class', 5.25), *(('patch', 4.3 + 0.25 * i) for i in (-1, 0, 1))]
        heights += [('prompt', 2.0 + 0.25 * i) for i in range(-2, 3)]
        for kind, y in heights:
            axes.plot(x, y, 's', color=TOKENS[kind], markersize=11)
    frames, fps = sample_clip()
    motion = magnify(frames, fps)
    limit = np.percentile(np.abs(motion), 99.8)
    grey = np.clip((motion / limit + 1) / 2, 0, 1)
    show(axes, frames[[0, 4, 7, 11, 15]], 0.3, 2.8)
    show(axes, rank_pool(frames)[None].astype(np.uint8), 4.3, 4.45)
    show(axes, grey[[7, 9, 11, 13, 15]], 4.2, 1.1)
    axes.set(xlim=(0, 16.4), ylim=(0, 7))
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Draw the figure into a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--out', type=Path, default=OUT)
    draw().savefig(parser.parse_args(arguments).out, dpi=100)


if __name__ == '__main__':
    main()
