"""Two runs on the same clips: how far apart they are, and whether that may be luck.

Scores of two runs are not compared by whether their intervals overlap: both met the
same people, and what is hard in one run is mostly hard in the other. So the
*difference* is resampled, with the same draw of subjects for both sides.

Several seeds on a side: its score is the mean over its seeds, as in ``seeds.py``, and
the resampling is of subjects still. It tells how the difference would vary with other
people, for these very seeds.

An interval over few subjects is too narrow, and so is a p-value that is read off the
resamples. Beside it stands that of an exact test, see ``sign_flip.py``.

McNemar's test sets two predictions against each other, clip by clip. The predictions
of several seeds for one clip are no separate clips, so that putting them into one table
would count every clip several times and make the p-value too small; and a majority vote
over seeds is another model than those that were scored. Hence one test for each seed
that both sides have (where they share none: the seeds in order). The tests of several
seeds share their clips; none of them is to be picked. The test also takes the clips of
one person for independent, which they are not: the interval over subjects is the
result, the test stands beside it since it is usual.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from ..utils.errors import MERDataError
from .report import INTERVAL_LEVEL, INTERVAL_RESAMPLES, SELECTIONS
from .seeds import align, draw_subjects, mean_scores
from .sign_flip import MOST_EXACT, sign_flip_p, smallest_p

#: The scores that are compared.
COMPARED = ('acc', 'uf1', 'uar')
#: Below this a difference is the rounding of a mean.
_ZERO = 1e-12

Lines = Mapping[int, Sequence[Mapping[str, Any]]]


def compare_runs(
    first: Lines,
    second: Lines,
    num_classes: int,
    selections: tuple[str, str] = ('last', 'last'),
    resamples: int = INTERVAL_RESAMPLES,
    level: float = INTERVAL_LEVEL,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare the predictions of two runs, A and B, for the same clips.

    Args:
        first: Prediction lines of A (see ``predictions.py``), by seed of training.
        second: Those of B.
        num_classes: Number of classes C.
        selections: How A's and B's iterations were chosen, as in ``SELECTIONS``. If
            'test' is one of them, the result and every part with a number carry a
            ``note`` that says so.
        resamples: Number of resamples B of the subjects.
        level: Share of the resamples that an interval holds, in (0, 1).
        seed: Seed of the draw.

    Returns:
        A dict that fits into JSON; scores are fractions of 1: ``clips``,
        ``subjects``, ``seeds``, ``resamples``, ``interval_level``; ``scores``, by name,
        with ``a``, ``b``, ``difference`` (b - a), its percentile ``interval``,
        ``share_not_above`` (of the resamples, those with a difference <= 0), ``p``
        (see :func:`bootstrap_p`) and ``sign_flip_p`` (see
        :func:`~mmaction_mer.evaluation.sign_flip.sign_flip_p`), the last four None
        with a single subject; and ``mcnemar``, see :func:`mcnemar`, a row per pair of
        seeds.

    Raises:
        MERDataError: The runs are not of the same clips, or labels differ.
        ValueError: An argument is out of its range.
    """
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(
            f'level must lie between 0 and 1 and resamples be positive, but they are '
            f'{level} and {resamples}'
        )
    if unknown := [name for name in selections if name not in SELECTIONS]:
        raise ValueError(
            f'selection is {unknown[0]!r}, not one of {", ".join(SELECTIONS)}'
        )
    for name, side in (('A', first), ('B', second)):
        if not side:
            raise MERDataError(f'{name}: has no predictions of any seed')
    seeds = sorted(first), sorted(second)
    runs = {f'A (seed {one})': first[one] for one in seeds[0]}
    runs |= {f'B (seed {one})': second[one] for one in seeds[1]}
    aligned = align(runs, num_classes)
    parts = np.split(aligned.by_subject(), [len(seeds[0])])
    people = parts[0].shape[1]
    note = _note(selections)

    everyone = np.ones((1, people), dtype=np.int64)
    points = [mean_scores(part, everyone) for part in parts]
    drawn = draw_subjects(people, resamples, seed)
    values = [mean_scores(part, drawn) for part in parts]
    flipped = sign_flip_p(parts[0], parts[1], resamples, seed) if people > 1 else {}
    tail = (1 - level) / 2
    rows: dict[str, Any] = {}
    for name in COMPARED:
        a, b = (float(point[name][0]) for point in points)
        rows[name] = {
            'a': a, 'b': b, 'difference': float(_exact(np.array(b - a))),
            'interval': None, 'share_not_above': None, 'p': None,
            'sign_flip_p': flipped.get(name), **note,
        }  # fmt: skip
        if people > 1:
            apart = _exact(values[1][name] - values[0][name])
            rows[name].update(
                interval=np.quantile(apart, [tail, 1 - tail]).tolist(),
                share_not_above=float(np.mean(apart <= 0)),
                p=bootstrap_p(apart),
            )
    right = aligned.guesses == aligned.labels
    return {
        'selections': {'a': selections[0], 'b': selections[1]},
        **note,
        'clips': len(aligned.clips),
        'subjects': people,
        'seeds': {'a': seeds[0], 'b': seeds[1]},
        'resamples': resamples,
        'interval_level': level,
        'scores': rows,
        'mcnemar': [
            {
                'seed_a': one,
                'seed_b': other,
                **mcnemar(
                    right[seeds[0].index(one)],
                    right[len(seeds[0]) + seeds[1].index(other)],
                ),
                **note,
            }
            for one, other in pair_seeds(*seeds)
        ],
    }


def bootstrap_p(differences: np.ndarray) -> float:
    """Two-sided p-value of "no difference" from resampled differences.

    Twice the share of the resamples on the rarer side of zero, zero itself counted on
    both; one is added to both counts, since no finite number of resamples can show that
    a difference never turns round (Davison and Hinkley, Bootstrap Methods, 4.11).

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
    """McNemar's exact test of two predictions for each of N clips.

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
    """Write what :func:`compare_runs` returned as tables to print, in percent.

    Where a side was selected on the test subject, every line with a number of it says
    so.
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
    people, draws = comparison['subjects'], comparison['resamples']
    ways = f'all {2**people}' if people <= MOST_EXACT else f'{draws} drawn'
    lines.append(f'({draws} resamples of the subjects, the same for A and B)')
    if people > 1:
        lines.append(
            f'(flip p: A and B exchanged within subjects, {ways} ways; none is below '
            f'{smallest_p(people, draws):.2g})'
        )
    table = [
        "McNemar's exact test (clips; takes those of one person for independent)",
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
        table.append(
            '(one test a seed, of the same clips: none of them is to be picked)'
        )
    return '\n\n'.join('\n'.join(block) for block in (head, lines, table))


def _note(selections: tuple[str, str]) -> dict[str, str]:
    """Label whatever holds a number that was selected on the test subject."""
    sides = [side for side, how in zip('AB', selections, strict=True) if how == 'test']
    if not sides:
        return {}
    return {'note': f'{" and ".join(sides)} {SELECTIONS["test"]}'}


def _exact(values: np.ndarray) -> np.ndarray:
    """Take the rounding of means off a difference that is none."""
    return np.where(np.abs(values) < _ZERO, 0.0, values)


def _p(value: float) -> str:
    return f'{value:.4f}' if value >= 1e-4 else '<0.0001'
