"""What was read in a clip."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets.faces.finder import Face
from ..motion.spotting import Spot


@dataclass(frozen=True, eq=False)
class WindowPrediction:
    """One window of a video.

    Attributes:
        start: Its first frame, from 0.
        stop: Behind its last frame.
        probabilities: ``(folds, classes)``; None where no face was found.
        spot: The strongest movement in it, in frames from its start.
        matrix: ``(2, 3)`` from the frame to the square of the face; None alike.
        face: The face, in its first frame; None alike, or for frames cut already.
        problem: Why it was not read.
    """

    start: int
    stop: int
    probabilities: np.ndarray | None = None
    spot: Spot | None = None
    matrix: np.ndarray | None = None
    face: Face | None = None
    problem: str = ''

    @property
    def mean(self) -> np.ndarray:
        """Mean probabilities of the folds, ``(classes,)``.

        Raises:
            ValueError: It was not read.
        """
        if self.probabilities is None:
            raise ValueError(self.problem)
        return self.probabilities.mean(axis=0)

    @property
    def votes(self) -> int:
        """Number of folds that alone give the class of the mean."""
        best = self.mean.argmax()
        alone = np.asarray(self.probabilities).argmax(axis=1)
        return int((alone == best).sum())

    @property
    def strength(self) -> float:
        """Of its strongest movement, in grey levels; 0 where none was looked for."""
        return self.spot.strength if self.spot else 0.0


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model says of a clip or a video.

    Attributes:
        name: Of the clip.
        fps: Frames per second.
        frames: Number of frames.
        classes: Names of the classes.
        windows: All windows in order; a short clip is one.
        chosen: Number of the window that speaks for the clip: of those with a face the
            one with the strongest movement.
        folds: Names of the folds that were averaged.
        side: Side in pixels of the square that the windows' matrices lead to.
        clip: Frames of the aligned face in that window, ``(N, S, S, 3)`` uint8.
        heat: Where in them the model finds what speaks for its class, ``(S, S)`` in
            0..1; 0 where it does not look. None for a model that cannot say.
        explained: What the model was shown, see ``MPTRecognizer.explain``; or None.
        notes: What a reader has to know besides.
    """

    name: str
    fps: float
    frames: int
    classes: list[str]
    windows: list[WindowPrediction]
    chosen: int
    folds: list[str]
    side: int
    clip: np.ndarray
    heat: np.ndarray | None = None
    explained: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def window(self) -> WindowPrediction:
        """The window that speaks for the clip."""
        return self.windows[self.chosen]

    @property
    def label(self) -> str:
        """The predicted class."""
        return self.classes[int(self.window.mean.argmax())]

    @property
    def apex(self) -> float | None:
        """Estimated frame of the apex, from 0, need not be whole."""
        spot = self.window.spot
        return None if spot is None else self.window.start + spot.apex

    def peak(self) -> tuple[float, float] | None:
        """The hottest place, x and y in pixels of the video's own frame."""
        if self.heat is None or not self.heat.any():
            return None
        y, x = np.unravel_index(self.heat.argmax(), self.heat.shape)
        scale = self.side / len(self.heat)
        matrix = np.vstack([np.asarray(self.window.matrix), [0, 0, 1]])
        place = np.linalg.solve(matrix, [x * scale, y * scale, 1])
        return float(place[0]), float(place[1])

    def as_dict(self) -> dict[str, Any]:
        """The reading as plain values, for JSON."""
        best, mean = self.window, self.window.mean
        peak = self.peak()
        return {
            'input': self.name,
            'label': self.label,
            'class': int(mean.argmax()),
            'probabilities': self._named(mean),
            'folds': len(self.folds),
            'folds_that_agree': best.votes,
            'fps': self.fps,
            'frames': self.frames,
            'window': [best.start, best.stop],
            'apex': None if self.apex is None else round(self.apex, 1),
            'apex_s': None if self.apex is None else round(self.apex / self.fps, 4),
            'movement': round(best.strength, 3),
            'face': _points(best.face),
            'hottest_place': None if peak is None else [round(v, 1) for v in peak],
            'heat_map': None if self.heat is None else _coarse(self.heat),
            'windows': [self._window(one) for one in self.windows],
            'notes': self.notes,
        }

    def _window(self, one: WindowPrediction) -> dict[str, Any]:
        told: dict[str, Any] = {
            'frames': [one.start, one.stop],
            'seconds': [round(one.start / self.fps, 4), round(one.stop / self.fps, 4)],
        }
        if one.probabilities is None:
            return {**told, 'problem': one.problem}
        spot = one.spot
        return {
            **told,
            'probabilities': self._named(one.mean),
            'movement': round(one.strength, 3),
            'apex': None if spot is None else round(one.start + spot.apex, 1),
        }

    def _named(self, values: np.ndarray) -> dict[str, float]:
        return {
            name: round(float(value), 4)
            for name, value in zip(self.classes, values, strict=True)
        }


def _points(face: Face | None) -> dict[str, Any] | None:
    if face is None:
        return None
    return {
        'points': face.points.round(1).tolist(),
        'box': face.box.round(1).tolist(),
        'score': round(face.score, 3),
    }


def _coarse(heat: np.ndarray, grid: int = 14) -> list[list[float]]:
    """A heat map small enough for a line of JSON."""
    cells = [np.array_split(rows, grid, axis=1) for rows in np.array_split(heat, grid)]
    return [[round(float(cell.mean()), 3) for cell in row] for row in cells]
