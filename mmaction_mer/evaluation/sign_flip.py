"""Whether two runs differ, by exchanging them: the sign-flip test over subjects.

If A and B do not differ, then who of the two made which predictions for a subject is a
matter of names, and any exchange of the two, subject by subject, is as likely as what
was seen. Of accuracy an exchange flips the sign of what a subject adds to the
difference; UF1 and UAR are scored anew, since they are no sums over subjects.

With S subjects there are 2^S exchanges, and no p-value is below 2 / 2^S, however clear
the difference. A bootstrap over as few subjects does not know that.
"""

from itertools import product

import numpy as np

from .seeds import mean_scores

#: Up to so many subjects all exchanges are scored, 2^16; else some are drawn.
MOST_EXACT = 16
#: Below this a difference is the rounding of a mean.
_ZERO = 1e-12


def sign_flip_p(
    first: np.ndarray, second: np.ndarray, draws: int, seed: int = 0
) -> dict[str, float]:
    """Two-sided p-value of "no difference" by exchanging A and B within subjects.

    Args:
        first: (R, S, C, C) counts of A per run and subject, truth by row.
        second: (Q, S, C, C) those of B, subjects in the same order. With as many runs
            (seeds) on both sides they are exchanged in pairs, in their order; else
            each one with each.
        draws: So many exchanges are drawn where there are more than 2^16.
        seed: Seed of the draw.

    Returns:
        The p-value by name of the score, in (0, 1]: the share of all exchanges, the
        one that was seen among them, with a difference at least as large.

    Example:
        >>> wrong, right = np.zeros((2, 1, 5, 2, 2), int)
        >>> wrong[..., 0, 1] = right[..., 0, 0] = 3
        >>> sign_flip_p(wrong, right, 1000)['acc'] == 2 / 2**5
        True
    """
    subjects = first.shape[1]
    exact = subjects <= MOST_EXACT
    if exact:
        # The first subject stays: to exchange the others instead turns the sign alone.
        number = np.arange(2 ** (subjects - 1))[:, None]
        flips = number >> np.arange(subjects - 1, -1, -1) & 1
    else:
        flips = np.random.default_rng(seed).integers(0, 2, (draws, subjects))
        flips = np.concatenate([np.zeros((1, subjects), flips.dtype), flips])
    differences: dict[str, np.ndarray] = {}
    pairs = (
        list(zip(first, second, strict=True))
        if len(first) == len(second)
        else list(product(first, second))
    )
    for one, other in pairs:
        # Of each subject the predictions of one side, then those of the other.
        both = np.concatenate([one, other])[None]
        kept = np.concatenate([1 - flips, flips], axis=1)
        a, b = mean_scores(both, kept), mean_scores(both, 1 - kept)
        for name in a:
            apart = (b[name] - a[name]) / len(pairs)
            differences[name] = differences.get(name, 0.0) + apart
    return {
        name: float(np.mean(np.abs(apart) >= abs(apart[0]) - _ZERO))
        for name, apart in differences.items()
    }


def smallest_p(subjects: int, draws: int) -> float:
    """Return the least p-value that :func:`sign_flip_p` can give.

    >>> smallest_p(10, 2000) == 2 / 1024
    True
    """
    return 2 / 2**subjects if subjects <= MOST_EXACT else 1 / (draws + 1)
