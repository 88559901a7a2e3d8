"""Label maps: which of a release's emotions become which class, as data.

A release names emotions; a protocol scores classes. ``LABEL_MAPS[dataset]`` has every
way in which the field reads a release, the usual one first, and the counts that a
complete release gives, so that a difference is seen and not published.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# One spelling per emotion; releases write several, and in any case of letters.
_SPELLINGS = {
    'other': 'others',
    'sad': 'sadness',
    'happy': 'happiness',
    'fearful': 'fear',
    'scared': 'fear',
    'angry': 'anger',
    'surprised': 'surprise',
    'suprise': 'surprise',
    'disgusted': 'disgust',
    'repressed': 'repression',
    'contemptuous': 'contempt',
}
_NEGATIVE = (
    'anger',
    'contempt',
    'disgust',
    'fear',
    'repression',
    'sadness',
    'negative',
)


def emotion_key(word: str) -> str:
    """Return the one spelling of an emotion.

    >>> [emotion_key(word) for word in ('Other', 'sad ', 'Happiness')]
    ['others', 'sadness', 'happiness']
    """
    plain = ' '.join(word.split()).casefold()
    return _SPELLINGS.get(plain, plain)


@dataclass(frozen=True)
class Counts:
    """What a complete release gives.

    Attributes:
        variant: Which edition of the release's sheet this is; may be empty.
        clips: Number of clips by class; empty where only their sum is known.
        subjects: Number of subjects with a clip; None where it is not published.
        total: Number of all clips; the sum of ``clips`` where it is not given.
    """

    variant: str
    clips: Mapping[str, int]
    subjects: int | None = None
    total: int = 0

    def __post_init__(self) -> None:
        """Add up the classes."""
        if self.clips:
            object.__setattr__(self, 'total', sum(self.clips.values()))


@dataclass(frozen=True)
class LabelMap:
    """One way to read a release.

    Attributes:
        name: Such as ``'5class'``; it names the annotation file.
        classes: Class names in the order of the labels.
        emotions: Class by emotion (see :func:`emotion_key`); clips of other emotions
            are left out.
        exclude: Clips that are left out though their emotion counts, as
            ``'subject/clip'``.
        expected: Counts of complete releases, one per edition.
    """

    name: str
    classes: tuple[str, ...]
    emotions: Mapping[str, str]
    exclude: frozenset[str] = frozenset()
    expected: tuple[Counts, ...] = field(default=())

    def class_of(self, emotion: str, clip: str = '') -> str | None:
        """Return the class of a clip, or None where it is left out.

        >>> LABEL_MAPS['samm'][0].class_of('Other'), MEGC2019.class_of('Fear')
        ('others', 'negative')
        """
        if clip.casefold() in map(str.casefold, self.exclude):
            return None
        return self.emotions.get(emotion_key(emotion))

    def counts_for(self, variant: str) -> Counts | None:
        """Return the counts of an edition, or of any edition where there is one."""
        for counts in self.expected:
            if counts.variant in ('', variant):
                return counts
        return None


def compare_counts(
    expected: Counts | None, found: Mapping[str, int], subjects: int
) -> list[str]:
    """Say where a data set differs from a complete release, class by class.

    Args:
        expected: The counts of the complete release; None is never met.
        found: Number of clips by class.
        subjects: Number of subjects.

    Returns:
        One line per difference; none where all is as it should be.

    >>> compare_counts(Counts('', {'a': 2, 'b': 1}, 3), {'a': 2}, 3)
    ['b: 0 clips, expected 1']
    """
    if expected is None:
        return ['no counts are known for this edition of the release']
    lines = [
        f'{name}: {found.get(name, 0)} clips, expected {expected.clips.get(name, 0)}'
        for name in sorted({*expected.clips, *found} if expected.clips else ())
        if found.get(name, 0) != expected.clips.get(name, 0)
    ]
    total = sum(found.values())
    if not expected.clips and total != expected.total:
        lines.append(f'clips: {total}, expected {expected.total}')
    if expected.subjects not in (None, subjects):
        lines.append(f'subjects: {subjects}, expected {expected.subjects}')
    return lines


def count_classes(classes: Iterable[str]) -> dict[str, int]:
    """Count classes, in alphabetical order."""
    return dict(sorted(Counter(classes).items()))


def _same(*names: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Classes that are emotions themselves."""
    return names, MappingProxyType({name: name for name in names})


def _valence(negative: Iterable[str] = _NEGATIVE) -> dict[str, str]:
    """The reading of the MEGC 2019 challenge; releases differ in what is negative."""
    positive = {'happiness': 'positive', 'positive': 'positive', 'surprise': 'surprise'}
    return {emotion: 'negative' for emotion in negative} | positive


def _three(
    *expected: Counts, negative: Iterable[str] = _NEGATIVE, exclude: Iterable[str] = ()
) -> LabelMap:
    return LabelMap(
        '3class',
        ('negative', 'positive', 'surprise'),
        MappingProxyType(_valence(negative)),
        frozenset(exclude),
        expected,
    )


def _seven(besides: str, *expected: Counts) -> LabelMap:
    """The six basic emotions and one more."""
    return LabelMap('7class', *_same(*sorted((*_SIX, besides))), expected=expected)


def _counts(variant: str, subjects: int | None, **clips: int) -> Counts:
    return Counts(variant, MappingProxyType(clips), subjects)


_CASME2_5 = dict(happiness=32, others=99, repression=27)
_CASME_4 = dict(disgust=44, repression=38, surprise=20, tense=69)
_SIX = ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')
# In no list of MEGC 2019: two clips that every edition of the sheet has, and what
# later editions added or relabelled.
_NOT_IN_MEGC = (
    'sub04/EP12_01f',
    'sub05/EP09_05f',
    'sub24/EP02_07',
    'sub24/EP07_01',
    'sub24/EP07_04f',
    'sub24/EP10_03',
)

# Of the two slower cameras of SMIC; sources differ in the classes.
_SMIC_25 = Counts('', MappingProxyType({}), 8, 71)

MEGC2019 = _three(_counts('', 68, negative=250, positive=109, surprise=83))

# What each data set's part of a composite counts, by data set.
MEGC2019_PARTS = MappingProxyType(
    {
        'casme2': _counts('', 24, negative=88, positive=32, surprise=25),
        'samm': _counts('', 28, negative=92, positive=26, surprise=15),
        'smic': _counts('', 16, negative=70, positive=51, surprise=43),
    }
)

LABEL_MAPS: Mapping[str, tuple[LabelMap, ...]] = MappingProxyType(
    {
        'casme2': (
            LabelMap(
                '5class',
                *_same('disgust', 'happiness', 'others', 'repression', 'surprise'),
                expected=(
                    _counts('20140508', 26, disgust=63, surprise=25, **_CASME2_5),
                    _counts('with EP02_07', 26, disgust=64, surprise=25, **_CASME2_5),
                    _counts('with EP07_01', 26, disgust=63, surprise=28, **_CASME2_5),
                ),
            ),
            _three(
                MEGC2019_PARTS['casme2'],
                # The few clips of sadness and fear are in no list of the challenge.
                negative=('disgust', 'repression'),
                exclude=_NOT_IN_MEGC,
            ),
            LabelMap(
                '7class',
                *_same(
                    'disgust',
                    'fear',
                    'happiness',
                    'others',
                    'repression',
                    'sadness',
                    'surprise',
                ),
            ),
        ),
        'samm': (
            LabelMap(
                '5class',
                *_same('anger', 'contempt', 'happiness', 'others', 'surprise'),
                expected=(
                    _counts(
                        '',
                        27,
                        anger=57,
                        contempt=12,
                        happiness=26,
                        others=26,
                        surprise=15,
                    ),
                ),
            ),
            _three(MEGC2019_PARTS['samm']),
            LabelMap(
                '8class',
                *_same(
                    'anger',
                    'contempt',
                    'disgust',
                    'fear',
                    'happiness',
                    'others',
                    'sadness',
                    'surprise',
                ),
            ),
        ),
        'smic': (_three(MEGC2019_PARTS['smic']),),
        'smic-vis': (_three(_SMIC_25),),
        'smic-nir': (_three(_SMIC_25),),
        'casme': (
            LabelMap(
                '4class',
                *_same('disgust', 'repression', 'surprise', 'tense'),
                expected=(_counts('', None, **_CASME_4),),
            ),
            _three(),
            LabelMap(
                '8class',
                *_same(
                    'contempt',
                    'disgust',
                    'fear',
                    'happiness',
                    'repression',
                    'sadness',
                    'surprise',
                    'tense',
                ),
                expected=(
                    _counts(
                        '',
                        None,
                        contempt=1,
                        fear=2,
                        happiness=9,
                        sadness=6,
                        **_CASME_4,
                    ),
                ),
            ),
        ),
        'mmew': (
            LabelMap(
                '4class',
                *_same('disgust', 'happiness', 'others', 'surprise'),
                expected=(
                    _counts('', None, disgust=72, happiness=36, others=66, surprise=89),
                ),
            ),
            LabelMap(
                '6class',
                *_same(*_SIX),
                expected=(
                    _counts(
                        '',
                        None,
                        anger=8,
                        disgust=72,
                        fear=16,
                        happiness=36,
                        sadness=13,
                        surprise=89,
                    ),
                ),
            ),
            _three(),
        ),
        'mmew-macro': (
            LabelMap(
                '6class',
                *_same(*_SIX),
            ),
        ),
        'cas3': (
            _seven(
                'others',
                _counts(
                    '',
                    94,
                    anger=64,
                    disgust=250,
                    fear=86,
                    happiness=55,
                    others=161,
                    sadness=57,
                    surprise=187,
                ),
            ),
            LabelMap(
                '4class',
                ('negative', 'others', 'positive', 'surprise'),
                MappingProxyType(_valence() | {'others': 'others'}),
                expected=(
                    _counts(
                        '', 94, negative=457, others=161, positive=55, surprise=187
                    ),
                ),
            ),
            _three(_counts('', None, negative=457, positive=55, surprise=187)),
        ),
        'cas3-c': (_seven('others'), _three()),
        '4dme': (
            LabelMap(
                '5class',
                *_same('negative', 'others', 'positive', 'repression', 'surprise'),
            ),
            # Its raters name repression beside negative: it is not read as that.
            LabelMap('3class', *_same('negative', 'positive', 'surprise')),
        ),
        'dfew': (_seven('neutral'),),
        'ferv39k': (_seven('neutral'),),
        'ckplus': (
            _seven('contempt'),
            # Most sequences carry no label; pre-training without labels uses them all.
            LabelMap('8class', *_same(*sorted((*_SIX, 'contempt', 'unlabelled')))),
        ),
    }
)
