"""The scores of a video over time."""

import numpy as np
from matplotlib.figure import Figure

from .clip_prediction import Reading

#: Of the classes, in order; told apart by those who see no red or green, too.
COLOURS = ('#3b6fb6', '#d9822b', '#2a9d8f', '#9c4f96', '#b8a11a', '#6b7280', '#c0392b')


def plot_timeline(reading: Reading) -> Figure:
    """Draw probabilities and strength of movement of every window.

    Args:
        reading: Of a video; a short clip is one window, drawn as one step.

    Returns:
        The figure: a step per window and class above, the strength of its strongest
        movement in grey levels below, at the estimated apex. Windows without a face
        are left blank; the one that speaks for the video is shaded.
    """
    figure = Figure(figsize=(9, 4.2), layout='constrained')
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    fps = reading.fps
    # A window speaks for the time around its middle, halfway to its neighbours.
    middles = np.array([(one.start + one.stop) / 2 for one in reading.windows])
    inner = (middles[1:] + middles[:-1]) / 2
    edges = np.concatenate([[0], inner, [reading.frames]]) / fps
    scores = np.array([
        np.full(len(reading.classes), np.nan) if one.probabilities is None else one.mean
        for one in reading.windows
    ])  # fmt: skip
    for index, name in enumerate(reading.classes):
        colour = COLOURS[index % len(COLOURS)]
        above.stairs(scores[:, index], edges, baseline=None, color=colour, label=name,
                     linewidth=2)  # fmt: skip
    best = reading.window
    for axes in (above, below):
        axes.axvspan(best.start / fps, best.stop / fps, color='#00000010', linewidth=0)
        axes.spines[['top', 'right']].set_visible(False)
    above.set(ylim=(0, 1.02), ylabel='probability', title=reading.name)
    above.legend(loc='upper right', ncols=len(reading.classes), frameon=False)
    spotted = [
        one for one in reading.windows if one.spot and one.probabilities is not None
    ]  # noqa: E501
    if spotted:
        times = [(one.start + one.spot.apex) / fps for one in spotted]
        below.vlines(times, 0, [one.strength for one in spotted], color='#20242a')
        below.plot(times, [one.strength for one in spotted], 'o', color='#20242a', ms=4)
    below.set(xlabel='seconds', ylabel='movement\n(grey levels)', xlim=(0, edges[-1]))
    below.set_ylim(bottom=0)
    return figure
