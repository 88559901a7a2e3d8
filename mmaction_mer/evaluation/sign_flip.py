"""The sign-flip test over subjects: do two runs differ?

If A and B do not differ, it is arbitrary which of the two made which predictions for a
subject, and any exchange of the two, subject by subject, is as likely as the observed
assignment. For accuracy an exchange flips the sign of what a subject contributes to the
difference; UF1 and UAR are computed again, since they are no sums over subjects.

With S subjects there are 2^S exchanges, and no p-value is below 2 / 2^S, however clear
the difference. A bootstrap over so few subjects does not account for that.
"""

from itertools import product

import numpy as np

from .bootstrap import pool_subjects
from .functional import SCORES, batched_scores

#: Up to this number of subjects all exchanges are scored, 2^16; else some are drawn.
MAX_EXACT = 16
#: A smaller difference is rounding error of a mean.
_EPS = 1e-12


def sign_flip_p(
    first: np.ndarray, second: np.ndarray, draws: int, seed: int = 0
) -> dict[str, float]:
    """Compute the two-sided p-value of "no difference" by exchanges within subjects.

    Args:
        first: (R, S, C, C) counts of A per run and subject, truth by row.
        second: (Q, S, C, C) those of B, subjects in the same order. With as many runs
            (seeds) on both sides they are exchanged in pairs, in their order; else
            each one with each.
        draws: Number of exchanges to draw with more than 16 subjects.
        seed: Seed of the draw. Defaults to 0.

    Returns:
        The p-value by name of the score, in (0, 1]: the share of all exchanges, the
        observed assignment among them, with a difference at least as large.

    Example:
        >>> wrong, right = np.zeros((2, 1, 5, 2, 2), int)
        >>> wrong[..., 0, 1] = right[..., 0, 0] = 3
        >>> sign_flip_p(wrong, right, 1000)['acc'] == 2 / 2**5
        True
    """
    subjects = first.shape[1]
    if subjects <= MAX_EXACT:
        # The first subject stays: exchanging all others instead flips the sign only.
        number = np.arange(2 ** (subjects - 1))[:, None]
        flips = number >> np.arange(subjects - 1, -1, -1) & 1
    else:
        flips = np.random.default_rng(seed).integers(0, 2, (draws, subjects))
        flips = np.concatenate([np.zeros((1, subjects), flips.dtype), flips])
    kept = np.concatenate([1 - flips, flips], axis=1)
    pairs = (
        list(zip(first, second, strict=True))
        if len(first) == len(second)
        else list(product(first, second))
    )
    differences = {name: np.zeros(len(kept)) for name in SCORES}
    for one, other in pairs:
        # Per subject the predictions of one side, then those of the other.
        both = np.concatenate([one, other])
        a, b = (
            batched_scores(pool_subjects(both, weights)) for weights in (kept, 1 - kept)
        )
        for name in SCORES:
            differences[name] += (b[name] - a[name]) / len(pairs)
    return {
        name: float(np.mean(np.abs(values) >= abs(values[0]) - _EPS))
        for name, values in differences.items()
    }


def smallest_p(subjects: int, draws: int) -> float:
    """Return the smallest p-value that :func:`sign_flip_p` can give.

    >>> smallest_p(10, 2000) == 2 / 1024
    True
    """
    return 2 / 2**subjects if subjects <= MAX_EXACT else 1 / (draws + 1)
