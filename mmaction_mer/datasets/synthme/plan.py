"""The plan of a release: subjects, clips and classes, before rendering."""

from dataclasses import asdict, dataclass, field

import numpy as np

from .actions import CLASSES
from .nuisance import Nuisance

# Part of a release's arguments: increase it when the same arguments render otherwise.
VERSION = 1
# First number of the seeds of the faces for pre-training.
MACRO_STREAM = 0x3ACC0
AMPLITUDES = {'micro': (0.3, 2.0), 'macro': (4.0, 12.0)}


@dataclass(frozen=True)
class Release:
    """All arguments that determine the bytes of a release.

    Attributes:
        subjects: Number of subjects.
        clips: Mean number of clips per subject.
        size: Side of the frames in pixels.
        seed: Seed. The same seed gives other people for another kind.
        kind: ``'micro'`` or ``'macro'``.
        amplitude: Smallest and largest displacement at the apex, pixels at 224;
            defaults to that of the kind (:data:`AMPLITUDES`).
        nuisance: Strengths of the nuisances.
    """

    subjects: int = 10
    clips: int = 12
    size: int = 112
    seed: int = 0
    kind: str = 'micro'
    amplitude: tuple[float, float] | None = None
    nuisance: Nuisance = field(default_factory=Nuisance)

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ValueError: A field is out of range; the message names it.
        """
        if self.kind not in AMPLITUDES:
            raise ValueError(f'kind must be micro or macro, not {self.kind!r}')
        if self.amplitude is None:
            object.__setattr__(self, 'amplitude', AMPLITUDES[self.kind])
        for name, least, most in (
            ('subjects', 1, 999),
            ('clips', 1, 9999),
            ('size', 32, 448),
            ('seed', 0, 2**63),
        ):
            if not least <= getattr(self, name) <= most:
                value = getattr(self, name)
                raise ValueError(f'{name} must be {least} to {most}, not {value}')
        if self.seed == MACRO_STREAM:
            raise ValueError(f'seed {MACRO_STREAM} is reserved for pre-training')
        low, high = self.span
        # Larger displacements could fold the face over itself.
        if not 0 < low <= high <= 14:
            raise ValueError(
                f'amplitude must be 0 < low <= high <= 14, not {low} and {high}'
            )
        for name, value in asdict(self.nuisance).items():
            if not 0 <= value < 100 or (name == 'blink' and value > 1):
                raise ValueError(f'nuisance {name} is out of range: {value}')

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest amplitude."""
        return self.amplitude or AMPLITUDES[self.kind]


@dataclass(frozen=True)
class Plan:
    """One clip to be drawn."""

    subject: int
    clip: int
    label: int
    lean: float


def seeds(release: Release, *path: int) -> list[int]:
    """Seed of one part of a release; parts do not depend on one another."""
    return [release.seed, list(AMPLITUDES).index(release.kind), *path]


def plan(release: Release) -> list[Plan]:
    """Sample the clips of each subject: unequal numbers, unequal mixes of classes.

    Args:
        release: The arguments.

    Returns:
        One entry per clip, ``subjects * clips`` in all, at least one per subject,
        every class at least once where there are enough clips.

    Examples:
        >>> len(plan(Release(subjects=4, clips=5)))
        20
    """
    rng = np.random.default_rng(seeds(release, 0))
    fractions = rng.dirichlet(np.full(release.subjects, 6.0))
    spare = release.subjects * (release.clips - 1)
    counts = 1 + rng.multinomial(spare, fractions)
    labels = [
        rng.choice(len(CLASSES), count, p=rng.dirichlet((3.4, 3.0, 2.6)))
        for count in counts
    ]
    pooled = np.concatenate(labels)
    for label in range(len(CLASSES)):
        if label not in pooled:
            commonest = np.flatnonzero(pooled == np.bincount(pooled).argmax())
            pooled[rng.choice(commonest)] = label
    # Some people move their faces more than others.
    leans = np.exp(rng.uniform(-0.5, 0.5, release.subjects))
    who = np.repeat(np.arange(release.subjects), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    return [
        Plan(int(s), int(c), int(label), float(leans[s]))
        for s, c, label in zip(who, number, pooled, strict=True)
    ]
