"""How often a heat map points at where a face truly moves."""

import numpy as np


def movement_regions(fields: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Where a face moves by at least a share of its fastest place.

    Args:
        fields: ``(N, H, W, 2)`` displacement, as :func:`~mmaction_mer.datasets.
            synthme.clip_field` gives it.
        share: Of the longest displacement of the clip.

    Returns:
        ``(N, H, W)`` bool.

    Example:
        >>> movement_regions(np.array([[[[0.0, 0.0], [3.0, 4.0], [0.0, 3.0]]]]))
        array([[[False,  True,  True]]])
    """
    size = np.linalg.norm(fields, axis=-1)
    most = size.max((1, 2), keepdims=True)
    return (size >= share * most) & (most > 0)


def pointing_hits(heat: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Whether the hottest place of each map lies in its region (the pointing game).

    What a map that points anywhere would score is the share of the picture that the
    regions cover, ``regions.mean()``.

    Args:
        heat: ``(N, H, W)``.
        regions: ``(N, H, W)`` bool.

    Returns:
        ``(N,)`` bool.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> heat = np.array([[[0.1, 0.9]], [[0.8, 0.2]]])
        >>> pointing_hits(heat, np.array([[[False, True]], [[False, True]]]))
        array([ True, False])
    """
    if heat.shape != regions.shape:
        raise ValueError(f'heat is {heat.shape}, but regions are {regions.shape}')
    hottest = heat.reshape(len(heat), -1).argmax(1)
    return regions.reshape(len(regions), -1)[np.arange(len(heat)), hottest]
