"""Label maps: the class of each emotion of a release, as data.

A release names emotions; a protocol scores classes. ``LABEL_MAPS[dataset]`` has every
label map in use for a release, the usual one first, with the counts of a complete
release, so that a difference is noticed before it is published.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The canonical spelling of emotions that releases spell in several ways.
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


def emotion_key(word: str) -> str:
    """Return the canonical spelling of an emotion.

    >>> [emotion_key(word) for word in ('Other', 'sad ', 'Happiness')]
    ['others', 'sadness', 'happiness']
    """
    plain = ' '.join(word.split()).casefold()
    return _SPELLINGS.get(plain, plain)


@dataclass(frozen=True)
class Counts:
    """The counts of a complete release.

    Attributes:
        edition: Edition of the release; may be empty.
        clips: Number of clips by class; empty if only their sum is known.
        subjects: Number of subjects with a clip; None if it is not published.
        total: Number of all clips; computed from ``clips`` if these are given.
    """

    edition: str
    clips: Mapping[str, int]
    subjects: int | None = None
    total: int = 0

    def __post_init__(self) -> None:
        """Compute the total."""
        if self.clips:
            object.__setattr__(self, 'total', sum(self.clips.values()))


@dataclass(frozen=True)
class LabelMap:
    """One way to label a release.

    Attributes:
        name: Such as ``'5class'``; it names the annotation file.
        classes: Class names in the order of the labels.
        emotions: Class by emotion (see :func:`emotion_key`); clips of other emotions
            are left out.
        exclude: Clips that are left out whatever their emotion, as ``'subject/clip'``.
        expected: Counts of complete releases, one per edition.
    """

    name: str
    classes: tuple[str, ...]
    emotions: Mapping[str, str]
    exclude: frozenset[str] = frozenset()
    expected: tuple[Counts, ...] = ()

    def class_of(self, emotion: str, clip: str = '') -> str | None:
        """Return the class of a clip, or None if it is left out.

        >>> LABEL_MAPS['samm'][0].class_of('Other'), MEGC2019.class_of('Fear')
        ('others', 'negative')
        """
        if clip.casefold() in map(str.casefold, self.exclude):
            return None
        return self.emotions.get(emotion_key(emotion))

    def counts_for(self, edition: str) -> Counts | None:
        """Return the counts of an edition, or those that hold for any."""
        for counts in self.expected:
            if counts.edition in ('', edition):
                return counts
        return None


def compare_counts(
    expected: Counts | None, found: Mapping[str, int], subjects: int
) -> list[str]:
    """Compare a data set with a complete release, class by class.

    Args:
        expected: The counts of the complete release; None if they are not known.
        found: Number of clips by class.
        subjects: Number of subjects.

    Returns:
        One line per difference.

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


def _counts(edition: str, subjects: int | None, **clips: int) -> Counts:
    return Counts(edition, MappingProxyType(clips), subjects)


def _map(name: str, emotions: Mapping[str, str], *expected: Counts) -> LabelMap:
    """Make a label map whose classes are in alphabetical order."""
    classes = tuple(sorted(set(emotions.values())))
    return LabelMap(name, classes, MappingProxyType(dict(emotions)), expected=expected)


def _same(name: str, emotions: str, *expected: Counts) -> LabelMap:
    """Make a label map whose classes are emotions."""
    return _map(name, {emotion: emotion for emotion in emotions.split()}, *expected)


_SIX = 'anger disgust fear happiness sadness surprise'
_POSITIVE = {'happiness': 'positive', 'positive': 'positive', 'surprise': 'surprise'}
_NEGATIVE = 'anger contempt disgust fear repression sadness negative'
#: The valence of the MEGC 2019 challenge; releases differ in what is negative.
_VALENCE = dict.fromkeys(_NEGATIVE.split(), 'negative') | _POSITIVE

MEGC2019 = _map(
    '3class', _VALENCE, _counts('', 68, negative=250, positive=109, surprise=83)
)

# The counts of each data set in the composite of MEGC 2019.
MEGC2019_PARTS = MappingProxyType(
    {
        'casme2': _counts('', 24, negative=88, positive=32, surprise=25),
        'samm': _counts('', 28, negative=92, positive=26, surprise=15),
        'smic': _counts('', 16, negative=70, positive=51, surprise=43),
    }
)

_FIVE = dict(happiness=32, others=99, repression=27)
_CASME2 = (
    _same(
        '5class',
        'disgust happiness others repression surprise',
        _counts('20140508', 26, disgust=63, surprise=25, **_FIVE),
        _counts('with EP02_07', 26, disgust=64, surprise=25, **_FIVE),
        _counts('with EP07_01', 26, disgust=63, surprise=28, **_FIVE),
    ),
    LabelMap(
        '3class',
        ('negative', 'positive', 'surprise'),
        # The few clips of sadness and fear are not in the lists of the challenge.
        MappingProxyType(
            dict.fromkeys(('disgust', 'repression'), 'negative') | _POSITIVE
        ),
        # Nor are two clips of every edition of the spreadsheet, and those that later
        # editions have added or relabeled.
        frozenset(
            (
                'sub04/EP12_01f',
                'sub05/EP09_05f',
                'sub24/EP02_07',
                'sub24/EP07_01',
                'sub24/EP07_04f',
                'sub24/EP10_03',
            )
        ),  # fmt: skip
        (MEGC2019_PARTS['casme2'],),
    ),
    _same('7class', 'disgust fear happiness others repression sadness surprise'),
)
_SAMM_5 = _counts('', 27, anger=57, contempt=12, happiness=26, others=26, surprise=15)
_SAMM = (
    _same('5class', 'anger contempt happiness others surprise', _SAMM_5),
    _map('3class', _VALENCE, MEGC2019_PARTS['samm']),
    _same('8class', f'{_SIX} contempt others'),
)
# The two slower cameras of SMIC; sources differ in the classes.
_SMIC_25 = (_map('3class', _VALENCE, Counts('', MappingProxyType({}), 8, 71)),)
_FOUR = dict(disgust=44, repression=38, surprise=20, tense=69)
_OTHER_FOUR = dict(contempt=1, fear=2, happiness=9, sadness=6)
_CASME = (
    _same('4class', 'disgust repression surprise tense', _counts('', None, **_FOUR)),
    _map('3class', _VALENCE),
    _same(
        '8class',
        'contempt disgust fear happiness repression sadness surprise tense',
        _counts('', None, **_FOUR, **_OTHER_FOUR),
    ),
)
_THREE = dict(disgust=72, happiness=36, surprise=89)
_MMEW = (
    _same(
        '4class',
        'disgust happiness others surprise',
        _counts('', None, others=66, **_THREE),
    ),
    _same('6class', _SIX, _counts('', None, anger=8, fear=16, sadness=13, **_THREE)),
    _map('3class', _VALENCE),
)
_CAS3_7 = _counts(
    '',
    94,
    **dict(anger=64, disgust=250, fear=86, happiness=55),
    **dict(others=161, sadness=57, surprise=187),
)
_VALENCE_3 = dict(negative=457, positive=55, surprise=187)
_CAS3 = (
    _same('7class', f'{_SIX} others', _CAS3_7),
    _map(
        '4class',
        _VALENCE | {'others': 'others'},
        _counts('', 94, others=161, **_VALENCE_3),
    ),
    _map('3class', _VALENCE, _counts('', None, **_VALENCE_3)),
)

LABEL_MAPS: Mapping[str, tuple[LabelMap, ...]] = MappingProxyType(
    {
        'casme2': _CASME2,
        'samm': _SAMM,
        'smic': (_map('3class', _VALENCE, MEGC2019_PARTS['smic']),),
        'smic-vis': _SMIC_25,
        'smic-nir': _SMIC_25,
        'casme': _CASME,
        'mmew': _MMEW,
        'mmew-macro': (_same('6class', _SIX),),
        'cas3': _CAS3,
        'cas3-c': (_same('7class', f'{_SIX} others'), _map('3class', _VALENCE)),
        '4dme': (
            _same('5class', 'negative others positive repression surprise'),
            # Its raters name repression beside negative: it is not part of it.
            _same('3class', 'negative positive surprise'),
        ),
        'dfew': (_same('7class', f'{_SIX} neutral'),),
        'ferv39k': (_same('7class', f'{_SIX} neutral'),),
        'ckplus': (
            _same('7class', f'{_SIX} contempt'),
            # Most sequences have no label; pre-training without labels uses them all.
            _same('8class', f'{_SIX} contempt unlabelled'),
        ),
    }
)
