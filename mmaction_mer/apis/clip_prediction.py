"""Predictions for the windows of a clip, and for the clip as a whole."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets.faces.finder import Face
from ..motion.spotting import Spot


@dataclass(frozen=True, eq=False)
class WindowPrediction:
    """Prediction for one window of a video.

    Attributes:
        start: Index of its first frame, from 0.
        stop: Index of the frame after its last one.
        probabilities: ``(folds, classes)``; None if no face was found.
        spot: Its strongest movement, in frames from ``start``; None if there is none.
        matrix: ``(2, 3)`` from the frame to the square around the face; None if no
            face was found.
        face: The detected face; None if none was found or looked for.
        problem: Why there is no prediction; empty otherwise.
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
            ValueError: There is no prediction.
        """
        if self.probabilities is None:
            raise ValueError(self.problem)
        return self.probabilities.mean(axis=0)

    @property
    def votes(self) -> int:
        """Number of folds whose own prediction is the class of the mean."""
        best = self.mean.argmax()
        return int((np.asarray(self.probabilities).argmax(axis=1) == best).sum())

    @property
    def strength(self) -> float:
        """Strength of the strongest movement, in gray levels; 0 if there is none."""
        return self.spot.strength if self.spot else 0.0


@dataclass(frozen=True, eq=False)
class ClipPrediction:
    """Prediction for a clip or a video.

    Attributes:
        name: Name of the clip.
        fps: Frames per second.
        frames: Number of frames.
        classes: Names of the classes.
        windows: All windows in order; a short clip is one window.
        chosen: Index of the window whose prediction is that of the clip: among those
            with a face the one with the strongest movement.
        folds: Names of the folds that were averaged.
        side: Side in pixels of the square that the matrices of the windows lead to.
        clip: Aligned face in that window, ``(N, S, S, 3)`` uint8 RGB, for display.
        saliency: Where in these frames the model finds its class, ``(S, S)`` in 0..1;
            None for a model without saliency maps.
        explanation: Result of ``MPTRecognizer.explain``; None for other models.
        notes: Remarks on the input and the result, as sentences.
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
    saliency: np.ndarray | None = None
    explanation: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def window(self) -> WindowPrediction:
        """The window whose prediction is that of the clip."""
        return self.windows[self.chosen]

    @property
    def label(self) -> str:
        """Name of the predicted class."""
        return self.classes[int(self.window.mean.argmax())]

    @property
    def apex(self) -> float | None:
        """Estimated apex in frames from 0, not necessarily an integer."""
        spot = self.window.spot
        return None if spot is None else self.window.start + spot.apex

    def saliency_peak(self) -> tuple[float, float] | None:
        """Return the maximum of the saliency map, x and y in pixels of the video."""
        if self.saliency is None or not self.saliency.any():
            return None
        y, x = np.unravel_index(self.saliency.argmax(), self.saliency.shape)
        scale = self.side / len(self.saliency)
        matrix = np.vstack([np.asarray(self.window.matrix), [0, 0, 1]])
        place = np.linalg.solve(matrix, [x * scale, y * scale, 1])
        return float(place[0]), float(place[1])

    def as_dict(self) -> dict[str, Any]:
        """Return the prediction as plain values, for JSON."""
        best, mean = self.window, self.window.mean
        peak = self.saliency_peak()
        return {
            'input': self.name,
            'label': self.label,
            'class': int(mean.argmax()),
            'probabilities': self._by_class(mean),
            'folds': len(self.folds),
            'folds_agreeing': best.votes,
            'fps': self.fps,
            'frames': self.frames,
            'window': [best.start, best.stop],
            'apex': None if self.apex is None else round(self.apex, 1),
            'apex_s': None if self.apex is None else round(self.apex / self.fps, 4),
            'motion_strength': round(best.strength, 3),
            'face': _face_as_dict(best.face),
            'saliency_peak': None if peak is None else [round(v, 1) for v in peak],
            'saliency_map': None if self.saliency is None else _coarse(self.saliency),
            'windows': [self._window_as_dict(one) for one in self.windows],
            'notes': self.notes,
        }

    def _window_as_dict(self, window: WindowPrediction) -> dict[str, Any]:
        start, stop = window.start, window.stop
        result: dict[str, Any] = {
            'frames': [start, stop],
            'seconds': [round(start / self.fps, 4), round(stop / self.fps, 4)],
        }
        if window.probabilities is None:
            return {**result, 'problem': window.problem}
        spot = window.spot
        return {
            **result,
            'probabilities': self._by_class(window.mean),
            'motion_strength': round(window.strength, 3),
            'apex': None if spot is None else round(start + spot.apex, 1),
        }

    def _by_class(self, values: np.ndarray) -> dict[str, float]:
        return {
            name: round(float(value), 4)
            for name, value in zip(self.classes, values, strict=True)
        }


def _face_as_dict(face: Face | None) -> dict[str, Any] | None:
    if face is None:
        return None
    return {
        'points': face.points.round(1).tolist(),
        'box': face.box.round(1).tolist(),
        'score': round(face.score, 3),
    }


def _coarse(saliency: np.ndarray, grid: int = 14) -> list[list[float]]:
    """Average a saliency map over a coarse grid, which is small enough for JSON."""
    rows = np.array_split(saliency, grid)
    return [
        [round(float(cell.mean()), 3) for cell in np.array_split(row, grid, axis=1)]
        for row in rows
    ]
