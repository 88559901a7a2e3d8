"""Sample clips: synthetic faces of SynthME with known ground truth."""

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
        name: Name on its button.
        label: The expression.
        amplitude: Its largest displacement in pixels.
        number: Index of the person, who depends on it and the seed.
        length: Number of frames of a long video. Defaults to None, a short clip.
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
    """Render sample clips on demand, and keep them in a folder.

    Args:
        folder: The folder, which the caller removes.
        seed: Seed of people, movements and noise. Defaults to 0.
    """

    def __init__(self, folder: str | Path, seed: int = 0) -> None:
        self.folder = Path(folder)
        self.seed = seed

    def frames(self, sample: Sample) -> np.ndarray:
        """Return all frames of a sample, ``(T, 224, 224, 3)`` uint8 RGB."""
        path = self.folder / f'sample_{self.seed}_{sample.number}.raw'
        shape = (self.timing(sample).length, SIZE, SIZE, 3)
        if not path.is_file():
            atomic_write(path, self._render(sample).tobytes())
        return np.fromfile(path, np.uint8).reshape(shape)

    def first(self, sample: Sample) -> np.ndarray:
        """Render only the first frame, ``(224, 224, 3)`` uint8 RGB."""
        return self._render(sample, [0])[0]

    def timing(self, sample: Sample) -> Timing:
        """Return the true onset, apex and offset of the movement."""
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

    def _render(self, sample: Sample, chosen: list[int] | None = None) -> np.ndarray:
        face = render_texture(sample_identity(self._rng(sample, 0)))
        rng = self._rng(sample, 2)
        weights = sample_expression(sample.label, rng, sample.amplitude)
        return render_clip(face, weights, self.timing(sample), rng, SIZE, chosen=chosen)

    def _rng(self, sample: Sample, part: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, sample.number, part])
