"""Plot the predictions for a video over time."""

from typing import TYPE_CHECKING

import numpy as np

from .clip_prediction import ClipPrediction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colors of the classes, in order; distinguishable with color vision deficiency.
COLORS = ('#3b6fb6', '#d9822b', '#2a9d8f', '#9c4f96', '#b8a11a', '#6b7280', '#c0392b')


def plot_timeline(prediction: ClipPrediction) -> 'Figure':
    """Plot the probabilities and the strength of motion of every window.

    Args:
        prediction: Prediction for a video; a short clip is one window.

    Returns:
        The figure. The upper axes have a step per window and class, the lower ones the
        strength of each window's strongest movement, in gray levels, at the estimated
        apex. Windows without a face are left blank; the window whose prediction is
        that of the video is shaded.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout='constrained')
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    fps = prediction.fps
    # The step of a window ends halfway between its center and that of the next one.
    centers = np.array([(one.start + one.stop) / 2 for one in prediction.windows])
    inner = (centers[1:] + centers[:-1]) / 2
    edges = np.concatenate([[0], inner, [prediction.frames]]) / fps
    missing = np.full(len(prediction.classes), np.nan)
    scores = np.array([
        missing if one.probabilities is None else one.mean for one in prediction.windows
    ])  # fmt: skip
    for index, name in enumerate(prediction.classes):
        color = COLORS[index % len(COLORS)]
        above.stairs(scores[:, index], edges, baseline=None, color=color, label=name,
                     linewidth=2)  # fmt: skip
    best = prediction.window
    for axes in (above, below):
        axes.axvspan(best.start / fps, best.stop / fps, color='#00000010', linewidth=0)
        axes.spines[['top', 'right']].set_visible(False)
    above.set(ylim=(0, 1.02), ylabel='probability', title=prediction.name)
    above.legend(loc='upper right', ncols=len(prediction.classes), frameon=False)
    spotted = [
        one for one in prediction.windows if one.spot and one.probabilities is not None
    ]
    if spotted:
        times = [(one.start + one.spot.apex) / fps for one in spotted]
        heights = [one.strength for one in spotted]
        below.vlines(times, 0, heights, color='#20242a')
        below.plot(times, heights, 'o', color='#20242a', ms=4)
    below.set(xlabel='seconds', ylabel='motion\n(gray levels)', xlim=(0, edges[-1]))
    below.set_ylim(bottom=0)
    return figure
