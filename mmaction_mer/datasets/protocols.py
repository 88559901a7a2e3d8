"""Evaluation protocols: which subjects are held out in which fold.

Everything goes by subject. One person's clips resemble each other far more than
two persons', so a person on both sides of a fold makes any score too good.
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
    """One round of a protocol.

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
    known = _subjects(subjects, at_least=2)
    return [_fold(subject, [subject], known) for subject in known]


def group_kfold(subjects_per_clip: Sequence[str], k: int, seed: int = 0) -> list[Fold]:
    """Share the subjects out into groups of about as many clips each.

    The subject with the most clips left goes to the group with the fewest;
    equals are taken in a random order.

    Args:
        subjects_per_clip: The subject of each clip.
        k: Number of groups.
        seed: Seed of the order among equals.

    Returns:
        Folds ``group1`` to ``group<k>``; the same subjects, k and seed give the
        same folds, whatever the order of the clips.

    Raises:
        MERDataError: k is not between 2 and the number of subjects.
    """
    known = _subjects(subjects_per_clip, at_least=2)
    if isinstance(k, bool) or not isinstance(k, int) or not 2 <= k <= len(known):
        raise MERDataError(
            f'group-kfold: k is {k!r}, but must be a whole number from 2 to the number '
            f'of subjects, {len(known)}'
        )
    clips = Counter(subjects_per_clip)
    order = [known[i] for i in np.random.default_rng(seed).permutation(len(known))]
    groups: list[list[str]] = [[] for _ in range(k)]
    sizes = [0] * k
    for subject in sorted(order, key=lambda subject: -clips[subject]):
        lightest = sizes.index(min(sizes))
        groups[lightest].append(subject)
        sizes[lightest] += clips[subject]
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
    known = _subjects(subjects, at_least=2)
    listed = [held_out] if isinstance(held_out, str) else list(held_out)
    check_known(listed, known, 'holdout')
    if not listed or len(set(listed)) == len(known):
        raise MERDataError(
            f'holdout: list some of the subjects, not {"all" if listed else "none"}: '
            f'{", ".join(known)}'
        )
    return [_fold('holdout', listed, known)]


def cross_dataset(
    subjects_per_clip: Sequence[str],
    datasets_per_clip: Sequence[str],
    test: str | Iterable[str] | None = None,
) -> list[Fold]:
    """Hold out whole data sets, and train on all others.

    Args:
        subjects_per_clip: The subject of each clip.
        datasets_per_clip: The data set of each clip.
        test: The data set or sets to test on, in a single fold; None holds out each
            data set once.

    Returns:
        Folds named after the data sets they test on, such as ``samm`` or
        ``casme2+samm``.

    Raises:
        MERDataError: A data set does not exist, none is listed or all are, or a
            subject would be on both sides because two data sets know one of this name.

    >>> cross_dataset(['a1', 'a1', 'b1', 'c1'], ['a', 'a', 'b', 'c'], test=['b'])
    [Fold(name='b', held_out=('b1',), train=('a1', 'c1'))]
    """
    known = _subjects(subjects_per_clip, at_least=2)
    sets: dict[str, set[str]] = {}
    for subject, dataset in zip(subjects_per_clip, datasets_per_clip, strict=True):
        sets.setdefault(dataset, set()).add(subject)
    names = sorted(sets)
    listed = [test] if isinstance(test, str) else test
    rounds = [[name] for name in names] if listed is None else [sorted(set(listed))]
    if unknown := [name for name in rounds[0] if name not in sets]:
        raise MERDataError(
            f'cross-dataset: data set(s) {", ".join(map(repr, unknown))} not in the '
            f'data; it holds {", ".join(names)}'
        )
    if len(names) < 2 or not 0 < len(rounds[0]) < len(names):
        raise MERDataError(
            f'cross-dataset: needs data sets to test on and others to train on, but '
            f'tests on {", ".join(rounds[0]) or "none"} of {", ".join(names)}'
        )
    folds = []
    for tested in rounds:
        held_out = set().union(*(sets[name] for name in tested))
        others = set().union(*(sets[name] for name in names if name not in tested))
        if both := sorted(held_out & others):
            raise MERDataError(
                f'cross-dataset: fold {"+".join(tested)!r}: subject(s) '
                f'{", ".join(both)} are in a tested data set and in another: two '
                f'people of one name must be told apart (tools/data/compose.py writes '
                f'casme2_sub01), and one person in two data sets cannot be tested so'
            )
        folds.append(_fold('+'.join(tested), held_out, known))
    return folds


def inner_split(
    train_subjects: Iterable[str], fraction: float = 0.2, seed: int = 0
) -> tuple[str, ...]:
    """Choose subjects among those of a training side, to validate on.

    Args:
        train_subjects: The training subjects of a fold.
        fraction: Share of the subjects, above 0 and below 1; rounded, and at
            least one subject is chosen and one left.
        seed: Seed of the choice.

    Returns:
        The subjects chosen, sorted.

    Raises:
        MERDataError: There are fewer than two subjects, or the fraction is not
            between 0 and 1.

    >>> len(inner_split([f's{i}' for i in range(10)], fraction=0.2))
    2
    """
    known = _subjects(train_subjects, at_least=2)
    if not 0 < fraction < 1:
        raise MERDataError(f'inner split: fraction is {fraction!r}, not in 0..1')
    count = min(max(round(fraction * len(known)), 1), len(known) - 1)
    chosen = np.random.default_rng(seed).permutation(len(known))[:count]
    return tuple(known[i] for i in sorted(chosen))


def _holdout(
    subjects_per_clip: Sequence[str], subjects: str | Iterable[str]
) -> list[Fold]:
    """``holdout``, whose option is called ``subjects`` in configs."""
    return holdout(subjects_per_clip, subjects)


Maker = Callable[..., list[Fold]]
_DATASETS = 'datasets_per_clip'
_PROTOCOLS: dict[str, Maker] = {
    'loso': leave_one_subject_out,
    'group-kfold': group_kfold,
    'holdout': _holdout,
    'cross-dataset': cross_dataset,
}


def register_protocol(name: str, make: Maker) -> Maker:
    """Add a protocol that configs can name: ``loso.protocol.type=<name>``.

    Args:
        name: Its name; may not be taken by another function.
        make: Makes the folds. It gets the subject of each clip and, if it has a
            parameter ``datasets_per_clip``, the data set of each; its other parameters
            are the options, and those without a default are needed. The same
            arguments must give the same folds: a resumed run asks again.

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
        raise MERDataError(f'protocol {name!r} exists already: choose another name')
    _PROTOCOLS[name] = make
    return make


def _options(make: Maker) -> tuple[set[str], set[str]]:
    """Options that a protocol needs, and those that it can take besides."""
    _, *others = signature(make).parameters.values()
    options = [one for one in others if one.name != _DATASETS]
    needed = {one.name for one in options if one.default is one.empty}
    return needed, {one.name for one in options} - needed


def make_folds(
    protocol: str | Mapping[str, Any],
    subjects_per_clip: Sequence[str],
    datasets_per_clip: Sequence[str] | None = None,
) -> list[Fold]:
    """Build the folds of a protocol and assert that they are sound.

    Args:
        protocol: ``'loso'``, ``dict(type='loso')``,
            ``dict(type='group-kfold', k=5, seed=0)``,
            ``dict(type='holdout', subjects=[...])``, ``'cross-dataset'`` (each data
            set held out once), ``dict(type='cross-dataset', test=['samm'])``, or one
            of :func:`register_protocol`.
        subjects_per_clip: The subject of each clip.
        datasets_per_clip: The data set of each clip, for ``cross-dataset``.

    Returns:
        The folds.

    Raises:
        MERDataError: The protocol is not known or does not fit the subjects.

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
        raise MERDataError(f'protocol {kind!r} is not one of {", ".join(_PROTOCOLS)}')
    make = _PROTOCOLS[kind]
    needed, possible = _options(make)
    if not needed <= set(options) <= needed | possible:
        # Training on some of the other data sets is a matter of the data, not of the
        # folds: a subject in neither side of a fold would be trained on.
        hint = (
            '; filter_cfg=dict(dataset=[...]) of the data set says which take part'
            if kind == 'cross-dataset'
            else ''
        )
        raise MERDataError(
            f'protocol {kind!r} takes {sorted(needed | possible) or "no options"}, but '
            f'got {sorted(options)}{hint}'
        )
    if _DATASETS in signature(make).parameters:
        if datasets_per_clip is None:
            raise MERDataError(
                f"protocol {kind!r} needs the field 'dataset' of every clip, "
                'which this data set does not give'
            )
        options[_DATASETS] = datasets_per_clip
    folds = make(subjects_per_clip, **options)
    for fold in folds:
        assert_disjoint(fold, subjects_per_clip)
    return folds


def assert_disjoint(fold: Fold, subjects_per_clip: Sequence[str]) -> None:
    """Assert that a fold puts each subject of the data on exactly one side.

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
                f'{", ".join(sorted(subjects))}; correct the lists of subjects'
            )
    if not held_out or not train:
        raise MERDataError(f'fold {fold.name!r}: a side has no subject')


def check_known(wanted: Iterable[str], known: Iterable[str], source: str) -> None:
    """Assert that subjects asked for exist.

    Raises:
        MERDataError: One does not; the message lists those that do.
    """
    unknown = [subject for subject in wanted if subject not in set(known)]
    if unknown:
        raise MERDataError(
            f'{source}: subject(s) {", ".join(map(repr, unknown))} not in the data; '
            f'it holds {", ".join(sorted(known))}'
        )


def _subjects(subjects: Iterable[str], at_least: int) -> list[str]:
    known = set(subjects)
    if wrong := [subject for subject in known if not isinstance(subject, str)]:
        raise MERDataError(f'subjects must be texts, but {wrong[0]!r} is not')
    if len(known) < at_least:
        raise MERDataError(
            f'a subject-wise protocol needs {at_least} or more subjects, but there is '
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
