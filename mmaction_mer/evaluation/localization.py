"""The pointing game: does a saliency map peak where a face truly moves?"""

import numpy as np


def movement_regions(displacement: np.ndarray, fraction: float = 0.5) -> np.ndarray:
    """Return where a face moves by at least a fraction of its largest displacement.

    Args:
        displacement: (N, H, W, 2) in pixels, as from :func:`~mmaction_mer.datasets.
            synthme.clip_field`.
        fraction: Of the largest displacement of the clip. Defaults to 0.5.

    Returns:
        (N, H, W) bool.

    Example:
        >>> movement_regions(np.array([[[[0.0, 0.0], [3.0, 4.0], [0.0, 3.0]]]]))
        array([[[False,  True,  True]]])
    """
    length = np.linalg.norm(displacement, axis=-1)
    largest = length.max((1, 2), keepdims=True)
    return (length >= fraction * largest) & (largest > 0)


def pointing_hits(saliency: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Tell for each saliency map whether its maximum lies in the region.

    A map that points anywhere would score the share of the image that the regions
    cover, ``regions.mean()``. The pointing game is from Zhang et al., "Top-down Neural
    Attention by Excitation Backprop", ECCV 2016.

    Args:
        saliency: (N, H, W).
        regions: (N, H, W) bool.

    Returns:
        (N,) bool.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> saliency = np.array([[[0.1, 0.9]], [[0.8, 0.2]]])
        >>> pointing_hits(saliency, np.array([[[False, True]], [[False, True]]]))
        array([ True, False])
    """
    if saliency.shape != regions.shape:
        raise ValueError(
            f'saliency is {saliency.shape}, but regions are {regions.shape}'
        )
    peak = saliency.reshape(len(saliency), -1).argmax(1)
    return regions.reshape(len(regions), -1)[np.arange(len(saliency)), peak]
