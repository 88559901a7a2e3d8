"""Agreement of Gaussians over time with the frame in which a face truly moves most."""

import numpy as np


def apex_agreement(
    means: np.ndarray, weights: np.ndarray, apex: np.ndarray, tolerance: float = 1.5
) -> dict[str, float]:
    """Compare the Gaussians of clips with their true apexes.

    K means spread over a clip always have one near any apex. So it matters how many of
    them are near, how much of the weight is, and whether they follow the apex from clip
    to clip, each compared with untrained Gaussians.

    Args:
        means: (N, K) in frames from 0.
        weights: (N, K, T), each summing to one over T.
        apex: (N,) in frames from 0, need not be integers.
        tolerance: Distance in frames up to which a frame is near. Defaults to 1.5.

    Returns:
        ``any``: share of clips with a mean near the apex. ``each``: share of all means
        that are near. ``weight``: share of the weight on frames that are near.
        ``follows``: correlation of a clip's average mean with its apex; 0 where
        either is constant.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> weights = np.full((2, 1, 4), 0.25)
        >>> found = apex_agreement(
        ...     np.array([[1.0], [2.0]]), weights, np.array([1.0, 2.0]), 0.5)
        >>> [round(float(value), 2) for value in found.values()]
        [1.0, 1.0, 0.25, 1.0]
    """
    if weights.shape[:2] != means.shape or apex.shape != means.shape[:1]:
        raise ValueError(
            f'means {means.shape}, weights {weights.shape} and apex {apex.shape} do '
            'not fit together'
        )
    near = np.abs(means - apex[:, None]) <= tolerance
    frames = np.abs(np.arange(weights.shape[2]) - apex[:, None]) <= tolerance
    center = means.mean(1)
    varies = center.std() > 1e-9 and apex.std() > 1e-9
    return {
        'any': float(near.any(1).mean()),
        'each': float(near.mean()),
        'weight': float((weights.mean(1) * frames).sum(1).mean()),
        'follows': float(np.corrcoef(center, apex)[0, 1]) if varies else 0.0,
    }
