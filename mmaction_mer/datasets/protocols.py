"""Evaluation protocols: the subjects that each fold holds out.

All protocols split by subject. The clips of one person resemble each other far more
than those of two persons, so a person on both sides of a fold inflates every score.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from ..utils.errors import MERDataError


@dataclass(frozen=True)
class Fold:
    """One split of the subjects into training and test set.

    Attributes:
        name: Name of the fold and of its folder.
        held_out: Subjects to test on, sorted.
        train: Subjects to train on, sorted.
    """

    name: str
    held_out: tuple[str, ...]
    train: tuple[str, ...]


def leave_one_subject_out(subjects: Iterable[str]) -> list[Fold]:
    """Hold out each subject once.

    Args:
        subjects: Subjects, in any order and number.

    Returns:
        One fold per subject, named after it, sorted.

    Raises:
        MERDataError: There are fewer than two subjects.

    >>> [fold.train for fold in leave_one_subject_out(['s2', 's1', 's3', 's1'])]
    [('s2', 's3'), ('s1', 's3'), ('s1', 's2')]
    """
    known = _subjects(subjects)
    return [_fold(subject, [subject], known) for subject in known]


def group_kfold(subjects_per_clip: Sequence[str], k: int, seed: int = 0) -> list[Fold]:
    """Split the subjects into groups of about equally many clips.

    The subject with the most clips that is left goes to the group with the fewest
    clips; ties are broken at random.

    Args:
        subjects_per_clip: The subject of each clip.
        k: Number of groups.
        seed: Seed for breaking ties. Defaults to 0.

    Returns:
        Folds ``group1`` to ``group<k>``; the same subjects, k and seed give the
        same folds, whatever the order of the clips.

    Raises:
        MERDataError: k is not between 2 and the number of subjects.
    """
    known = _subjects(subjects_per_clip)
    if isinstance(k, bool) or not isinstance(k, int) or not 2 <= k <= len(known):
        raise MERDataError(
            f'group-kfold: must be an integer from 2 to the number of subjects, '
            f'{len(known)}, but is {k!r}',
            field='k',
        )
    clips = Counter(subjects_per_clip)
    order = [known[i] for i in np.random.default_rng(seed).permutation(len(known))]
    groups: list[list[str]] = [[] for _ in range(k)]
    sizes = [0] * k
    for subject in sorted(order, key=lambda subject: -clips[subject]):
        smallest = sizes.index(min(sizes))
        groups[smallest].append(subject)
        sizes[smallest] += clips[subject]
    return [_fold(f'group{i}', group, known) for i, group in enumerate(groups, 1)]


def holdout(subjects: Iterable[str], held_out: str | Iterable[str]) -> list[Fold]:
    """Hold out the listed subjects, in a single fold.

    Args:
        subjects: All subjects.
        held_out: The subject or subjects to test on.

    Returns:
        One fold, named ``holdout``.

    Raises:
        MERDataError: A subject does not exist, none is listed, or all are.

    >>> holdout(['s1', 's2', 's3'], ['s2'])
    [Fold(name='holdout', held_out=('s2',), train=('s1', 's3'))]
    """
    known = _subjects(subjects)
    listed = [held_out] if isinstance(held_out, str) else list(held_out)
    check_known(listed, known, 'subjects')
    if not listed or len(set(listed)) == len(known):
        raise MERDataError(
            f'holdout: must list some of the subjects, but lists '
            f'{"all" if listed else "none"} of {", ".join(known)}',
            field='subjects',
        )
    return [_fold('holdout', listed, known)]


def cross_dataset(
    subjects_per_clip: Sequence[str],
    datasets_per_clip: Sequence[str],
    test: str | Iterable[str] | None = None,
) -> list[Fold]:
    """Hold out whole datasets, and train on all others.

    Args:
        subjects_per_clip: The subject of each clip.
        datasets_per_clip: The dataset of each clip.
        test: The dataset or datasets to test on, in a single fold. Defaults to None,
            which holds out each dataset once.

    Returns:
        Folds named after the datasets they test on, such as ``samm`` or
        ``casme2+samm``.

    Raises:
        MERDataError: A dataset does not exist, none is listed or all are, or two
            datasets have a subject of the same name, which would be on both sides.

    >>> cross_dataset(['a1', 'a1', 'b1', 'c1'], ['a', 'a', 'b', 'c'], test=['b'])
    [Fold(name='b', held_out=('b1',), train=('a1', 'c1'))]
    """
    known = _subjects(subjects_per_clip)
    sets: dict[str, set[str]] = {}
    for subject, dataset in zip(subjects_per_clip, datasets_per_clip, strict=True):
        sets.setdefault(dataset, set()).add(subject)
    names = sorted(sets)
    listed = [test] if isinstance(test, str) else test
    rounds = [[name] for name in names] if listed is None else [sorted(set(listed))]
    if unknown := [name for name in rounds[0] if name not in sets]:
        raise MERDataError(
            f'cross-dataset: dataset(s) {", ".join(map(repr, unknown))} not in the '
            f'data, which has {", ".join(names)}',
            field='test',
        )
    if len(names) < 2 or not 0 < len(rounds[0]) < len(names):
        raise MERDataError(
            f'cross-dataset: needs datasets to test on and others to train on, but '
            f'tests on {", ".join(rounds[0]) or "none"} of {", ".join(names)}',
            field='test',
        )
    folds = []
    for tested in rounds:
        held_out = set().union(*(sets[name] for name in tested))
        others = set().union(*(sets[name] for name in names if name not in tested))
        if both := sorted(held_out & others):
            raise MERDataError(
                f'cross-dataset: fold {"+".join(tested)!r}: subject(s) '
                f'{", ".join(both)} are in a tested dataset and in another one',
                hint='give two people of the same name two names '
                '(tools/data/compose.py writes casme2_sub01); one person in two '
                'datasets cannot be tested by this protocol',
            )
        folds.append(_fold('+'.join(tested), held_out, known))
    return folds


def inner_split(train_subjects: Iterable[str], seed: int = 0) -> tuple[str, ...]:
    """Choose a fifth of the training subjects, to validate on.

    Args:
        train_subjects: The training subjects of a fold.
        seed: Seed of the choice. Defaults to 0.

    Returns:
        The chosen subjects, sorted: at least one, and not all.

    Raises:
        MERDataError: There are fewer than two subjects.

    >>> len(inner_split([f's{i}' for i in range(10)]))
    2
    """
    known = _subjects(train_subjects)
    count = min(max(round(0.2 * len(known)), 1), len(known) - 1)
    chosen = np.random.default_rng(seed).permutation(len(known))[:count]
    return tuple(known[i] for i in sorted(chosen))


def _holdout(
    subjects_per_clip: Sequence[str], subjects: str | Iterable[str]
) -> list[Fold]:
    """Call ``holdout``, whose option is called ``subjects`` in configs."""
    return holdout(subjects_per_clip, subjects)


FoldMaker = Callable[..., list[Fold]]
_DATASETS = 'datasets_per_clip'
_PROTOCOLS: dict[str, FoldMaker] = {
    'loso': leave_one_subject_out,
    'group-kfold': group_kfold,
    'holdout': _holdout,
    'cross-dataset': cross_dataset,
}


def register_protocol(name: str, make: FoldMaker) -> FoldMaker:
    """Add a protocol that configs can name: ``loso.protocol.type=<name>``.

    Args:
        name: Its name; must not be the name of another function.
        make: Function that creates the folds. Its first argument is the subject of
            each clip; if it has a parameter ``datasets_per_clip``, that is the dataset
            of each clip. Its other parameters are the options, and those without a
            default are required. The same arguments must give the same folds: a
            resumed run calls it again.

    Returns:
        ``make``.

    Raises:
        MERDataError: The name is taken.

    >>> def first(subjects_per_clip, count=1):
    ...     return holdout(subjects_per_clip, sorted(set(subjects_per_clip))[:count])
    >>> register_protocol('first', first) is first
    True
    >>> make_folds(dict(type='first', count=2), ['s1', 's2', 's3'])[0].train
    ('s3',)
    """
    if _PROTOCOLS.get(name, make) is not make:
        raise MERDataError(
            f'protocol {name!r} exists already', hint='choose another name'
        )
    _PROTOCOLS[name] = make
    return make


def _options(make: FoldMaker) -> tuple[set[str], set[str]]:
    """Return the required and the optional options of a protocol."""
    _, *others = signature(make).parameters.values()
    options = [one for one in others if one.name != _DATASETS]
    required = {one.name for one in options if one.default is one.empty}
    return required, {one.name for one in options} - required


def make_folds(
    protocol: str | Mapping[str, Any],
    subjects_per_clip: Sequence[str],
    datasets_per_clip: Sequence[str] | None = None,
) -> list[Fold]:
    """Build the folds of a protocol and check them.

    Args:
        protocol: ``'loso'``, ``dict(type='loso')``,
            ``dict(type='group-kfold', k=5, seed=0)``,
            ``dict(type='holdout', subjects=[...])``, ``'cross-dataset'`` (each data
            set held out once), ``dict(type='cross-dataset', test=['samm'])``, or one
            of :func:`register_protocol`.
        subjects_per_clip: The subject of each clip.
        datasets_per_clip: The dataset of each clip, for ``cross-dataset``.

    Returns:
        The folds.

    Raises:
        MERDataError: The protocol does not exist or does not fit the subjects.

    >>> [fold.name for fold in make_folds('loso', ['s1', 's1', 's2'])]
    ['s1', 's2']
    >>> [fold.name for fold in make_folds('cross-dataset', ['s1', 's2'], ['a', 'b'])]
    ['a', 'b']
    """
    options: dict[str, Any] = (
        {'type': protocol} if isinstance(protocol, str) else dict(protocol)
    )
    kind = options.pop('type', None)
    if not isinstance(kind, str) or kind not in _PROTOCOLS:
        raise MERDataError(
            f'{kind!r} is not one of {", ".join(_PROTOCOLS)}', field='protocol'
        )
    make = _PROTOCOLS[kind]
    required, optional = _options(make)
    if not required <= set(options) <= required | optional:
        # Which datasets to train on is a setting of the dataset, not of the folds: a
        # subject on neither side of a fold would be trained on.
        hint = (
            'select datasets by filter_cfg=dict(dataset=[...]) of the dataset'
            if kind == 'cross-dataset'
            else None
        )
        raise MERDataError(
            f'{kind!r} takes {sorted(required | optional) or "no options"}, but got '
            f'{sorted(options)}',
            field='protocol',
            hint=hint,
        )
    if _DATASETS in signature(make).parameters:
        if datasets_per_clip is None:
            raise MERDataError(
                f"{kind!r} needs the field 'dataset' of every clip, which this dataset "
                'does not have',
                field='protocol',
            )
        options[_DATASETS] = datasets_per_clip
    folds = make(subjects_per_clip, **options)
    for fold in folds:
        assert_disjoint(fold, subjects_per_clip)
    return folds


def assert_disjoint(fold: Fold, subjects_per_clip: Sequence[str]) -> None:
    """Check that a fold puts each subject of the data on exactly one side.

    Args:
        fold: The fold.
        subjects_per_clip: The subject of each clip.

    Raises:
        MERDataError: A subject is on both sides, on none, or does not exist; or
            a side is empty.
    """
    held_out, train = set(fold.held_out), set(fold.train)
    known = set(subjects_per_clip)
    for subjects, problem in (
        (held_out & train, 'on both sides'),
        (known - held_out - train, 'on neither side'),
        ((held_out | train) - known, 'in the fold but without a clip'),
    ):
        if subjects:
            raise MERDataError(
                f'fold {fold.name!r}: {problem}: subject(s) '
                f'{", ".join(sorted(subjects))}',
                hint='correct the lists of subjects',
            )
    if not held_out or not train:
        raise MERDataError(f'fold {fold.name!r}: a side has no subject')


def check_known(
    wanted: Iterable[str], known: Iterable[str], field: str, path: str | None = None
) -> None:
    """Check that subjects exist.

    Args:
        wanted: Subjects that a user gives.
        known: Subjects of the data.
        field: The argument or option that gives them, for the message.
        path: The annotation file, for the message. Defaults to None.

    Raises:
        MERDataError: One does not exist; the message lists those that do.
    """
    unknown = [subject for subject in wanted if subject not in set(known)]
    if unknown:
        raise MERDataError(
            f'subject(s) {", ".join(map(repr, unknown))} not in the data, which has '
            f'{", ".join(sorted(known))}',
            path=path,
            field=field,
        )


def _subjects(subjects: Iterable[str]) -> list[str]:
    known = set(subjects)
    if wrong := [subject for subject in known if not isinstance(subject, str)]:
        raise MERDataError(f'subjects must be strings, but {wrong[0]!r} is not')
    if len(known) < 2:
        raise MERDataError(
            f'a subject-wise protocol needs two or more subjects, but there are '
            f'{", ".join(known) or "none"}'
        )
    return sorted(known)


def _fold(name: str, held_out: Iterable[str], known: Sequence[str]) -> Fold:
    held = set(held_out)
    return Fold(
        name=name,
        held_out=tuple(sorted(held)),
        train=tuple(subject for subject in known if subject not in held),
    )
