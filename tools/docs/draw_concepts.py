"""Draw the concepts behind MPT, from synthetic clips and the package's functions."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from drawing import (
    APEX,
    IMAGES,
    INK,
    KINDS,
    LENGTH,
    MUTED,
    TIMING,
    TOKENS,
    grey,
    sample_clip,
    save,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmaction_mer.datasets.synthme.nuisance import FPS, Nuisance
from mmaction_mer.evaluation import subject_interval
from mmaction_mer.models import MotionPrompt
from mmaction_mer.motion import magnify, rank_pool, rank_pooling_weights

#: A surprise, and a camera that only makes a little noise.
SURPRISE = {'1': 1.0, '2': 1.0}
CALM = Nuisance(0, 0, 0, 0, 0, 1.0, 0, 0)
QUIET = Nuisance(0, 0, 0, 0, 0, 0.3, 0, 0)
#: Behind words that a line would cross.
PATCH = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.8}
BLUE, ORANGE = TOKENS['patch'], TOKENS['prompt']


def timing() -> Figure:
    """Onset, apex and offset: how far the brows move, and how little one sees."""
    frames, apex, _ = sample_clip(SURPRISE, CALM)
    figure = Figure(figsize=(9, 5.4), layout='constrained')
    above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    shown = {'onset': 0, 'apex': round(apex), 'offset': LENGTH - 1}
    for axes, (name, index) in zip(above.subplots(1, 3), shown.items(), strict=True):
        _show(axes, frames[index], name, edge=APEX if name == 'apex' else None)
    axes = below.subplots()
    milliseconds = np.arange(TIMING.length) / FPS * 1000
    axes.plot(milliseconds, TIMING.course(), color=BLUE, lw=2)
    axes.fill_between(milliseconds, TIMING.course(), color=BLUE, alpha=0.12)
    marks = {'onset': TIMING.onset, 'apex': TIMING.apex, 'offset': TIMING.offset}
    for name, frame in marks.items():
        colour = APEX if name == 'apex' else MUTED
        axes.axvline(milliseconds[frame], color=colour, ls='--', lw=1.2)
        axes.annotate(
            name, (milliseconds[frame] + 4, 1.06), color=colour, annotation_clip=False
        )
    axes.set(xlabel='time (ms)', ylabel='movement of the brows\n(pixels at 224)')
    axes.set(xlim=(0, milliseconds[-1]), ylim=(0, 1.15))
    _plain(axes)
    return figure


def magnification() -> Figure:
    """What Eulerian magnification makes of a movement of half a pixel."""
    faint = {name: 0.5 for name in SURPRISE}
    frames, apex, fps = sample_clip(faint, QUIET)
    video = magnify(frames, fps, alpha=8, as_video=True)
    motion = grey(magnify(frames, fps, alpha=20), 99.9)
    figure = Figure(figsize=(11, 5.7), layout='constrained')
    axes = figure.subplots(2, 4)
    top, column = round(apex), int(frames.shape[2] * 0.36)
    rows = slice(int(0.24 * frames.shape[1]), int(0.5 * frames.shape[1]))
    for row, (clip, name) in enumerate(((frames, 'as filmed'), (video, 'alpha = 8'))):
        _show(axes[row, 0], clip[0], f'onset, {name}')
        _show(axes[row, 1], clip[top], f'apex, {name}', edge=APEX)
        for picture in axes[row, :2]:
            picture.plot([column] * 2, [rows.start, rows.stop], 'w--', lw=1.2)
        strip = clip[:, rows, column].transpose(1, 0, 2)
        _show(axes[row, 2], strip, f'dashed column, {name}', aspect='auto')
        axes[row, 2].axvline(apex, color=APEX, ls='--', lw=1.2)
        axes[row, 2].set_xlabel(f'frames 1 to {LENGTH}')
    _show(axes[0, 3], motion[0], 'motion alone, onset')
    _show(axes[1, 3], motion[top], 'motion alone, apex', edge=APEX)
    return figure


def rank_pooling() -> Figure:
    """A clip times sixteen weights is one image."""
    frames, apex, _ = sample_clip(SURPRISE, CALM)
    weights = rank_pooling_weights(LENGTH)
    figure = Figure(figsize=(10.5, 4.2), layout='constrained')
    left, right = figure.subfigures(1, 2, width_ratios=(1.9, 1))
    above, below = left.subfigures(2, 1, height_ratios=(1, 1.5))
    shown = (0, 3, 6, 9, 12, 15)
    for axes, index in zip(above.subplots(1, len(shown)), shown, strict=True):
        _show(axes, frames[index], f'frame {index + 1}')
    axes = below.subplots()
    colours = [BLUE if weight < 0 else ORANGE for weight in weights]
    axes.bar(np.arange(1, LENGTH + 1), weights, color=colours, width=0.75)
    axes.axhline(0, color=INK, lw=0.8)
    axes.axvline(apex + 1, color=APEX, ls='--', lw=1.2)
    axes.annotate('apex', (apex + 1.15, weights.min() * 0.9), color=APEX)
    axes.set(
        xlabel='frame t', ylabel='weight a(t), Eq. 1', xticks=(1, 4, 7, 10, 13, 16)
    )
    _plain(axes)
    _show(
        right.subplots(),
        rank_pool(frames).astype(np.uint8),
        'the sum, from 0 to 255:\nthe image that the ViT sees',
    )
    return figure


def gaussians() -> Figure:
    """K Gaussians share the frames of a clip out among K prompts."""
    frames, apex, fps = sample_clip(SURPRISE, CALM)
    energy = np.abs(magnify(frames, fps)).mean(axis=(1, 2, 3))
    prompt = MotionPrompt(embed_dims=8, num_prompts=5, length=LENGTH)
    torch.nn.init.zeros_(prompt.to_mean.weight)
    torch.nn.init.zeros_(prompt.to_sigma.weight)
    with torch.no_grad():
        mu, sigma, weights = prompt.gaussians(torch.zeros(1, LENGTH, 128))
    figure = Figure(figsize=(9, 4.6), layout='constrained')
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.4))
    t = np.arange(LENGTH)
    above.bar(t, energy, color=BLUE, width=0.75)
    above.set_ylabel('mean motion\n(grey levels)')
    shades = np.linspace(0.45, 1.0, len(weights[0]))
    for k, (curve, shade) in enumerate(zip(weights[0].numpy(), shades, strict=True)):
        colour = (*_rgb(ORANGE), shade)
        below.plot(t, curve, color=colour, marker='o', ms=3.5, lw=1.6)
        below.fill_between(t, curve, color=colour, alpha=0.1)
        label = f'$\\mu_{k + 1}$ = {mu[0, k]:.1f}'
        below.annotate(label, (mu[0, k], curve.max() * 1.07), ha='center', color=INK)
    for axes in (above, below):
        axes.axvline(apex, color=APEX, ls='--', lw=1.2)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.12)
        _plain(axes)
    above.annotate('apex', (apex + 0.1, above.get_ylim()[1] * 0.91), color=APEX)
    below.set_ylabel('weight of a frame\nin prompt k, Eq. 11')
    below.set_xlabel(
        f'frame t, from onset (0) to offset ({LENGTH - 1}); '
        f'each Gaussian starts with $\\sigma$ = {sigma[0, 0]:.1f}'
    )
    below.set_xlim(-0.5, LENGTH - 0.5)
    return figure


def loso() -> Figure:
    """Folds by subject, a split that leaks, and what is pooled."""
    subjects, clips = 6, 4
    figure = Figure(figsize=(11, 4.3), layout='constrained')
    sound, leak = figure.subplots(1, 2)
    for fold in range(subjects):
        for subject in range(subjects):
            held_out = fold == subject
            for clip in range(clips):
                _clip(sound, subject, clip / clips, fold, held_out)
    generator = np.random.default_rng(0)
    order = generator.permutation(subjects * clips).reshape(subjects, clips)
    for fold, tested in enumerate(order):
        for number in range(subjects * clips):
            subject, clip = divmod(number, clips)
            _clip(leak, subject, clip / clips, fold, number in tested)
    titles = {
        sound: 'leave one subject out: everybody is tested on once,\n'
        'by a model that has never seen them',
        leak: 'a leak: split by clip, every tested person is trained on\n'
        'too, and the model may know faces rather than expressions',
    }
    for axes, title in titles.items():
        axes.set(xlim=(-0.1, subjects + 0.05), ylim=(subjects - 0.05, -0.1))
        axes.set_xticks(np.arange(subjects) + 0.45, _names('subject', subjects))
        axes.set_yticks(np.arange(subjects) + 0.4, _names('fold', subjects))
        axes.set_title(title, fontsize='medium', loc='left')
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    handles = [
        Rectangle((0, 0), 1, 1, color=colour) for colour in (KINDS['frozen'][0], ORANGE)
    ]
    figure.legend(
        handles,
        ['a clip that is trained on', 'a clip that is tested on'],
        loc='outside lower center',
        ncols=2,
        frameon=False,
    )
    return figure


def intervals() -> Figure:
    """Pooled accuracy, the people behind it, and how sure it is."""
    generator = np.random.default_rng(6)
    clips = np.array([8, 13, 13, 24, 11, 10, 11, 12, 8, 10])
    right = generator.binomial(clips, generator.beta(9, 3, len(clips)))
    hits = np.concatenate([np.arange(n) < r for n, r in zip(clips, right, strict=True)])
    who = np.repeat(np.arange(len(clips)), clips)
    labels = np.zeros(len(hits), int)
    (low, high) = subject_interval(labels, np.where(hits, 0, 1), who, 2, ['acc'])['acc']
    drawn = generator.multinomial(len(clips), [1 / len(clips)] * len(clips), 2000)
    resampled = (drawn @ right) / (drawn @ clips)
    figure = Figure(figsize=(10, 3.9), layout='constrained')
    people, draws = figure.subplots(1, 2)
    people.bar(np.arange(1, len(clips) + 1), right / clips * 100, color=BLUE, width=0.7)
    for number, (r, n) in enumerate(zip(right, clips, strict=True), 1):
        words = f'{r}/{n}'
        above = (number, r / n * 100 + 2)
        people.annotate(words, above, ha='center', fontsize=8.5, bbox=PATCH)
    pooled = right.sum() / clips.sum() * 100
    people.axhline(pooled, color=APEX, ls='--', lw=1.2)
    people.set(xlabel='subject', ylabel='clips that are right (%)', ylim=(0, 118))
    people.set_xticks(range(1, len(clips) + 1))
    words = f'pooled: {right.sum()} of {clips.sum()} clips, {pooled:.1f} %'
    people.annotate(words, (0.5, 111), color=APEX)
    draws.hist(resampled * 100, bins=np.arange(50, 100.1, 1), color=KINDS['frozen'][1])
    draws.axvspan(low * 100, high * 100, color=ORANGE, alpha=0.15, zorder=0)
    draws.axvline(pooled, color=APEX, ls='--', lw=1.2)
    draws.set_xlim(min(resampled) * 100 - 2, max(resampled) * 100 + 2)
    draws.set(xlabel='accuracy when ten of these subjects are drawn (%)')
    draws.set(ylabel='of 2000 draws')
    top = draws.get_ylim()[1]
    draws.set_ylim(0, top * 1.12)
    words = f'95 % of them:\n{low * 100:.1f} to {high * 100:.1f}'
    draws.annotate(words, (low * 100 + 0.4, top * 0.98), color=ORANGE)
    for axes in (people, draws):
        _plain(axes)
    return figure


def _names(what: str, count: int) -> list[str]:
    return [f'{what} {number}' for number in range(1, count + 1)]


def _clip(axes: Axes, subject: int, shift: float, fold: int, held_out: bool) -> None:
    colour = ORANGE if held_out else KINDS['frozen'][0]
    corner = (subject + shift * 0.9, fold)
    axes.add_patch(Rectangle(corner, 0.19, 0.8, facecolor=colour, edgecolor='none'))


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _show(
    axes: Axes,
    picture: np.ndarray,
    title: str,
    aspect: str = 'equal',
    edge: str | None = None,
) -> None:
    axes.imshow(picture, aspect=aspect)
    axes.set_title(title, fontsize='medium')
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=edge is not None, color=edge, linewidth=2)


def _plain(axes: Axes) -> None:
    axes.spines[['top', 'right']].set_visible(False)


FIGURES: Mapping[str, Callable[[], Figure]] = {
    'timing': timing,
    'magnification': magnification,
    'rank_pooling': rank_pooling,
    'gaussians': gaussians,
    'loso': loso,
    'intervals': intervals,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figures into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--out', type=Path, default=IMAGES, help='folder')
    parser.add_argument('--only', choices=FIGURES, help='draw this one')
    args = parser.parse_args(arguments)
    for name in [args.only] if args.only else FIGURES:
        print(save(FIGURES[name](), args.out / f'{name}.png', dpi=110))


if __name__ == '__main__':
    sys.exit(main())
