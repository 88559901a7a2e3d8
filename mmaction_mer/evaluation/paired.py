"""Paired comparison of two runs on the same clips: how far apart, and by chance?

Scores of two runs are not compared by whether their intervals overlap: both saw the
same subjects, and what is hard in one run is mostly hard in the other. So the
*difference* is resampled, with the same draw of subjects for both sides.

With several seeds on a side, its score is the mean over its seeds, as in
``summary.py``, and the subjects are resampled still. The interval shows how the
difference would vary with other people, for these very seeds.

An interval over few subjects is too narrow, and a p-value read off the resamples too
small. An exact test goes with it, see ``sign_flip.py``.

McNemar's test compares two predictions clip by clip. The predictions of several seeds
for one clip are not separate clips: one table of all of them would count every clip
several times and make the p-value too small; and a majority vote over seeds is another
model than those that were scored. Hence one test for each seed that both sides have
(where they share none: the seeds in order). The tests of several seeds share their
clips; do not pick one of them. The test also treats the clips of one person as
independent, which they are not: the interval over subjects is the result, the test is
given because it is customary.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .alignment import align_runs
from .bootstrap import LEVEL, RESAMPLES, percentile_interval, subject_bootstrap
from .functional import batched_scores
from .predictions import Prediction
from .sign_flip import MAX_EXACT, sign_flip_p, smallest_p
from .summary import SELECTIONS, selection_note

#: The scores that are compared.
COMPARED = ('acc', 'uf1', 'uar')
#: A smaller difference is rounding error of a mean.
_EPS = 1e-12

#: Validated predictions by seed of training.
Lines = Mapping[int, Sequence[Prediction]]


def compare_runs(
    first: Lines,
    second: Lines,
    num_classes: int,
    selections: tuple[str, str] = ('last', 'last'),
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Compare the predictions of two runs, A and B, for the same clips.

    Args:
        first: Validated predictions of A, by seed of training.
        second: Those of B.
        num_classes: Number of classes C.
        selections: How A's and B's iterations were chosen, as in ``SELECTIONS``. If
            'test' is one of them, the result and every part with a number carry a
            ``note`` that says so. Defaults to 'last' for both.
        resamples: Number of resamples of the subjects. Defaults to 2000.

    Returns:
        A dict that fits into JSON; scores are fractions of 1: ``clips``,
        ``subjects``, ``seeds``, ``resamples``, ``interval_level``; ``scores``, by name,
        with ``a``, ``b``, ``difference`` (b - a), its percentile ``interval``,
        ``share_not_above`` (share of the resamples with a difference <= 0), ``p``
        (see :func:`bootstrap_p`) and ``sign_flip_p`` (see
        :func:`~mmaction_mer.evaluation.sign_flip.sign_flip_p`), the last four None
        with a single subject; and ``mcnemar``, see :func:`mcnemar`, a row per pair of
        seeds.

    Raises:
        MERDataError: The runs are not of the same clips, or labels differ.
    """
    seeds = sorted(first), sorted(second)
    aligned = align_runs(
        {f'A (seed {seed})': first[seed] for seed in seeds[0]}
        | {f'B (seed {seed})': second[seed] for seed in seeds[1]},
        num_classes,
    )
    counts = aligned.by_group(aligned.subjects)
    subjects = counts.shape[1]
    sides = slice(len(seeds[0])), slice(len(seeds[0]), None)
    note = _note(selections)

    points = batched_scores(counts.sum(axis=1))
    resampled = batched_scores(subject_bootstrap(counts, resamples))
    flipped = {}
    if subjects > 1:
        flipped = sign_flip_p(counts[sides[0]], counts[sides[1]], resamples)
    rows: dict[str, Any] = {}
    for name in COMPARED:
        a, b = (float(points[name][side].mean()) for side in sides)
        rows[name] = {
            'a': a, 'b': b, 'difference': float(_rounded(np.array(b - a))),
            'interval': None, 'share_not_above': None, 'p': None,
            'sign_flip_p': flipped.get(name), **note,
        }  # fmt: skip
        if subjects > 1:
            values = [resampled[name][side].mean(axis=0) for side in sides]
            differences = _rounded(values[1] - values[0])
            rows[name].update(
                interval=percentile_interval(differences),
                share_not_above=float(np.mean(differences <= 0)),
                p=bootstrap_p(differences),
            )
    correct = [
        dict(zip(of_side, aligned.correct[side], strict=True))
        for of_side, side in zip(seeds, sides, strict=True)
    ]
    return {
        'selections': {'a': selections[0], 'b': selections[1]},
        **note,
        'clips': len(aligned.labels),
        'subjects': subjects,
        'seeds': {'a': seeds[0], 'b': seeds[1]},
        'resamples': resamples,
        'interval_level': LEVEL,
        'scores': rows,
        'mcnemar': [
            {'seed_a': a, 'seed_b': b, **mcnemar(correct[0][a], correct[1][b]), **note}
            for a, b in pair_seeds(*seeds)
        ],
    }


def bootstrap_p(differences: np.ndarray) -> float:
    """Compute the two-sided p-value of "no difference" from resampled differences.

    Twice the share of the resamples on the rarer side of zero, zero itself counted on
    both; one is added to both counts, since no finite number of resamples can show that
    a difference never changes sign (Davison and Hinkley, Bootstrap Methods, 4.11).

    Args:
        differences: (B,) resampled differences.

    Returns:
        The p-value, in (0, 1].

    >>> bootstrap_p(np.array([0.1] * 99)), bootstrap_p(np.zeros(9))
    (0.02, 1.0)
    """
    rarer = min(int(np.sum(differences <= 0)), int(np.sum(differences >= 0)))
    return min(1.0, 2 * (rarer + 1) / (len(differences) + 1))


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Apply McNemar's exact test to two predictions for each of N clips.

    Args:
        first: (N,) bool: where A is right.
        second: (N,) bool: where B is right.

    Returns:
        The four counts ``both_right``, ``only_a``, ``only_b``, ``both_wrong`` and
        ``p``, the two-sided binomial test of ``only_a`` against ``only_b``; 1 where
        they never differ.

    >>> a, b = np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 0], bool)
    >>> mcnemar(a, b)
    {'both_right': 1, 'only_a': 2, 'only_b': 0, 'both_wrong': 1, 'p': 0.5}
    """
    # Imported here: scipy.stats takes a second that few processes need to spend.
    from scipy.stats import binomtest

    only_a = int(np.sum(first & ~second))
    only_b = int(np.sum(second & ~first))
    differing = only_a + only_b
    return {
        'both_right': int(np.sum(first & second)),
        'only_a': only_a,
        'only_b': only_b,
        'both_wrong': int(np.sum(~first & ~second)),
        'p': float(binomtest(only_a, differing).pvalue) if differing else 1.0,
    }


def pair_seeds(first: Sequence[int], second: Sequence[int]) -> list[tuple[int, int]]:
    """Pair the seeds of two runs: those that both have, or else in order.

    >>> pair_seeds([0, 1, 2], [2, 0]), pair_seeds([0, 1], [7])
    ([(0, 0), (2, 2)], [(0, 7)])
    """
    shared = sorted(set(first) & set(second))
    if shared:
        return [(seed, seed) for seed in shared]
    return list(zip(sorted(first), sorted(second), strict=False))


def format_comparison(comparison: dict[str, Any]) -> str:
    """Format what :func:`compare_runs` returned as tables, with scores in percent.

    Where a side was selected on the test subject, every line with a score of it ends
    with a note.
    """
    mark = f'   {comparison["note"]}' if 'note' in comparison else ''
    sides = [
        f'{name.upper()}: seed {", ".join(map(str, comparison["seeds"][name]))}, '
        f'{SELECTIONS[comparison["selections"][name]]}'
        for name in ('a', 'b')
    ]
    head = [f'{comparison["clips"]} clips, {comparison["subjects"]} subjects', *sides]
    level = f'{comparison["interval_level"]:.0%} interval over subjects'
    lines = [
        f'{"score":<6}{"A":>8}{"B":>8}{"B - A":>9}   {level:<32}'
        f'{"B - A <= 0":>10}{"p":>8}{"flip p":>9}'
    ]
    for name, row in comparison['scores'].items():
        where, share, p, flip = 'none: a single subject', '-', '-', '-'
        if row['interval']:
            low, high = row['interval']
            where = f'{100 * low:+.2f} .. {100 * high:+.2f}'
            share = f'{100 * row["share_not_above"]:.1f} %'
            p, flip = _p(row['p']), _p(row['sign_flip_p'])
        lines.append(
            f'{name:<6}{100 * row["a"]:>8.2f}{100 * row["b"]:>8.2f}'
            f'{100 * row["difference"]:>+9.2f}   {where:<32}{share:>10}{p:>8}'
            f'{flip:>9}{mark}'
        )
    subjects, draws = comparison['subjects'], comparison['resamples']
    ways = f'all {2**subjects}' if subjects <= MAX_EXACT else f'{draws} drawn'
    lines.append(f'({draws} resamples of the subjects, the same for A and B)')
    if subjects > 1:
        lines.append(
            f'(flip p: A and B exchanged within subjects, {ways} ways; none is below '
            f'{smallest_p(subjects, draws):.2g})'
        )
    table = [
        "McNemar's exact test (clips; treats those of one person as independent)",
        f'{"seeds":<10}{"both right":>12}{"only A":>8}{"only B":>8}{"both wrong":>12}'
        f'{"p":>8}',
    ]
    for row in comparison['mcnemar']:
        seeds = f'{row["seed_a"]}, {row["seed_b"]}'
        table.append(
            f'{seeds:<10}{row["both_right"]:>12}{row["only_a"]:>8}{row["only_b"]:>8}'
            f'{row["both_wrong"]:>12}{_p(row["p"]):>8}{mark}'
        )
    if len(comparison['mcnemar']) > 1:
        table.append('(one test per seed, of the same clips: do not pick one of them)')
    return '\n\n'.join('\n'.join(block) for block in (head, lines, table))


def _note(selections: tuple[str, str]) -> dict[str, str]:
    """Label whatever has a score that was selected on the test subject."""
    sides = [
        side for side, how in zip('AB', selections, strict=True)
        if selection_note(how)
    ]  # fmt: skip
    return {'note': f'{" and ".join(sides)} {SELECTIONS["test"]}'} if sides else {}


def _rounded(values: np.ndarray) -> np.ndarray:
    """Set differences that are rounding error of a mean to zero."""
    return np.where(np.abs(values) < _EPS, 0.0, values)


def _p(value: float) -> str:
    return f'{value:.4f}' if value >= 1e-4 else '<0.0001'
