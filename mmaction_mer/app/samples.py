"""Sample clips: faces that SynthME draws, of which the truth is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.synthme.actions import sample_expression
from ..datasets.synthme.clip import Timing, render_clip, sample_timing
from ..datasets.synthme.face import render_texture
from ..datasets.synthme.identity import sample_identity
from ..datasets.synthme.nuisance import FPS
from ..utils.files import atomic_write

#: Side of the frames in pixels.
SIZE = 224


@dataclass(frozen=True)
class Sample:
    """One sample clip.

    Attributes:
        name: What it is called.
        label: The expression that is drawn.
        amplitude: Its largest displacement in pixels.
        number: Which of the seed's people shows it.
        length: Frames of a video that is longer than a clip; None for a clip.
    """

    name: str
    label: str
    amplitude: float
    number: int
    length: int | None = None

    @property
    def fps(self) -> float:
        """Frames per second."""
        return FPS


SAMPLES = (
    Sample('Person A', 'surprise', 1.6, 1),
    Sample('Person B', 'positive', 1.6, 2),
    Sample('Person C', 'negative', 1.6, 3),
    Sample('Person D, 1.5 s', 'surprise', 1.8, 6, 300),
)


class SampleClips:
    """Draws sample clips when they are asked for, and keeps them in a folder.

    Args:
        folder: Where; whoever made it removes it.
        seed: Seed of people, movements and noise.
    """

    def __init__(self, folder: str | Path, seed: int = 0) -> None:
        self.folder = Path(folder)
        self.seed = seed

    def frames(self, sample: Sample) -> np.ndarray:
        """All frames of a sample, ``(T, 224, 224, 3)`` uint8 RGB."""
        path = self.folder / f'sample_{self.seed}_{sample.number}.raw'
        shape = (self.timing(sample).length, SIZE, SIZE, 3)
        if not path.is_file():
            atomic_write(path, self._draw(sample).tobytes())
        return np.fromfile(path, np.uint8).reshape(shape)

    def first(self, sample: Sample) -> np.ndarray:
        """Draw only the first frame, ``(224, 224, 3)`` uint8 RGB."""
        return self._draw(sample, [0])[0]

    def timing(self, sample: Sample) -> Timing:
        """The true course of its movement."""
        timing = sample_timing(self._rng(sample, 1), shortest=40, longest=90)
        if sample.length is None:
            return timing
        later = sample.length - timing.length - 30
        return Timing(
            sample.length,
            timing.onset + later,
            timing.apex + later,
            timing.offset + later,
        )

    def _draw(self, sample: Sample, chosen: list[int] | None = None) -> np.ndarray:
        face = render_texture(sample_identity(self._rng(sample, 0)))
        rng = self._rng(sample, 2)
        weights = sample_expression(sample.label, rng, sample.amplitude)
        return render_clip(face, weights, self.timing(sample), rng, SIZE, chosen=chosen)

    def _rng(self, sample: Sample, part: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, sample.number, part])
