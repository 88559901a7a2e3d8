"""Predict micro-expressions in videos, in the manner of mmaction's inferencers."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmaction.registry import INFERENCERS
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from torch import Tensor
from tqdm import tqdm

from ..datasets.faces.alignment import align
from ..datasets.faces.finder import FaceFinder, FaceNotFoundError
from ..motion.spotting import spot
from ..utils.errors import MERDataError, MERRunError
from ..utils.json_files import write_json
from .clip_pipeline import ClipPipeline
from .clip_prediction import ClipPrediction, WindowPrediction
from .ensemble import FoldEnsemble
from .face_crop import FACE_MODES, crop_face
from .frame_sources import FrameSource, SourceLimits, open_frame_source
from .framing import get_framing
from .saliency import weight_by_motion
from .weights import DEMO, load_weights
from .windows import sliding_windows

#: Seconds up to which a video is one clip.
CLIP_SECONDS = 1.0
#: Seconds of a window of a longer video: a micro-expression lasts up to half a second.
WINDOW_SECONDS = 0.5
#: Bytes of the frames that may be held in memory at once.
MAX_FRAME_BYTES = 3 << 28
#: Strength in gray levels below which nothing moves, and above which the motion is not
#: an expression. Clips of SynthME have 0.20 to 3.3; a still photograph up to 0.09 with
#: noise of two gray levels, 0.05 when compressed; a clip with a lateral jump 44.
MIN_STRENGTH, MAX_STRENGTH = 0.16, 15.0
#: Side in pixels of the aligned face for display.
DISPLAY_SIZE = 224
# Smallest number of frames in which a movement is looked for.
_MIN_SPOTTING = 5

Given = str | Path | np.ndarray


@dataclass
class _Candidate:
    """The window with the strongest movement so far, and what explains it."""

    index: int
    frames: list[np.ndarray]
    clip: np.ndarray
    packed: dict[str, Any]
    inputs: dict[str, Tensor] | None = None


@INFERENCERS.register_module(name='micro-expression-recognition')
@INFERENCERS.register_module()
class MERInferencer(BaseInferencer):
    """Recognize micro-expressions in videos, folders of frames or arrays.

    The face is detected in the first frame of a clip and aligned as in the training
    data by one transform for all frames, so that no motion is added. The test pipeline
    of the training does the rest.

    The probabilities of the folds of a run are averaged. Each fold was trained on all
    subjects but its own, so that scores on clips of the training data are no measure
    of performance.

    Args:
        model: ``'demo'`` (ships with the package), the work directory of a run, the
            folder or ``model.pth`` of one fold, a file of ``tools/publish_model.py``,
            or a config file together with ``weights``. Defaults to 'demo'.
        weights: Checkpoint for a config file. Defaults to None.
        device: Device, as in torch. Defaults to a GPU if there is one.
        folds: Names of the folds to use. Defaults to None, all folds.
        face: ``'align'`` detects and aligns the face; ``'as-is'`` takes frames that
            are cropped as in training. Defaults to 'align'.
        face_model: File of the face finder, see ``find_model``. Defaults to None.
        show_progress: Show progress bars. Defaults to False.

    Raises:
        MERRunError: There is no such model; the message says what to give.
        MERDataError: There is no face finder.

    Example::

        inferencer = MERInferencer('demo')
        result = inferencer('clip.mp4', fps=200)['predictions'][0]
        result['label'], result['probabilities'], result['apex']
    """

    def __init__(
        self,
        model: str | Path = DEMO,
        weights: str | Path | None = None,
        device: str | None = None,
        folds: Sequence[str] | None = None,
        face: str = 'align',
        face_model: str | Path | None = None,
        show_progress: bool = False,
    ) -> None:
        # The base class is not initialized: it looks names up in mmaction's model zoo.
        if face not in FACE_MODES:
            raise MERRunError(
                f'is {face!r}, not one of {", ".join(FACE_MODES)}', field='face'
            )
        loaded = load_weights(model, weights)
        if folds is not None:
            loaded = loaded.select(folds)
        self.scope = 'mmaction'
        self.show_progress = show_progress
        self.ensemble = FoldEnsemble(loaded, device or get_device())
        self.model = self.ensemble.model
        self.classes = loaded.classes
        self.framing = get_framing(loaded.dataset)
        self.pipeline = ClipPipeline(loaded.pipeline, loaded.dataset)
        self.find_face = FaceFinder(face_model) if face == 'align' else None

    def __call__(
        self,
        inputs: Given | Sequence[Given],
        fps: float | None = None,
        window: float | None = None,
        stride: float | None = None,
        batch_size: int = 8,
        pred_out_file: str | Path = '',
        vid_out_dir: str | Path = '',
        return_vis: bool = False,
        limits: SourceLimits | None = None,
    ) -> dict[str, Any]:
        """Predict one clip or several.

        Args:
            inputs: A video file, a folder with the frames of one clip, an array
                ``(T, H, W, 3)`` uint8 RGB, or a list of these.
            fps: Frames per second, see ``open_frame_source``. Defaults to None.
            window: See :meth:`predict`.
            stride: See :meth:`predict`.
            batch_size: See :meth:`predict`.
            pred_out_file: JSON file for the predictions. Defaults to '', none.
            vid_out_dir: Folder for a video of each clip with its prediction drawn in.
                Defaults to '', none.
            return_vis: Return these videos as well. Defaults to False.
            limits: Limits on the inputs. Defaults to ``SourceLimits()``.

        Returns:
            ``predictions``, a list of plain dicts (see ``ClipPrediction.as_dict``), and
            ``visualization``, a list of ``(T, H, W, 3)`` uint8 or None.

        Raises:
            MERDataError: A clip cannot be read, or shows no face or several.
        """
        given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        predictions: list[dict[str, Any]] = []
        drawn: list[np.ndarray] = []
        bar = tqdm(
            given, desc='clips', disable=not self.show_progress or len(given) < 2
        )
        for number, one in enumerate(bar):
            source = open_frame_source(one, fps, limits)
            prediction = self.predict(source, window, stride, batch_size)
            result = prediction.as_dict()
            if not isinstance(one, np.ndarray):
                result['input'] = str(one)
            predictions.append(result)
            if pred_out_file:  # after each clip: a later one may fail
                write_json(pred_out_file, {'predictions': predictions})
            if vid_out_dir or return_vis:
                from .overlay import overlay_frames, write_overlay

                if vid_out_dir:
                    stem = f'{number:03d}_' if len(given) > 1 else ''
                    name = 'array' if isinstance(one, np.ndarray) else Path(one).stem
                    path = Path(vid_out_dir, f'{stem}{name}.mp4')
                    write_overlay(path, prediction, source)
                if return_vis:
                    drawn.append(np.stack(list(overlay_frames(prediction, source))))
        return {
            'predictions': predictions,
            'visualization': drawn if return_vis else None,
        }

    def predict(
        self,
        source: FrameSource | Given,
        window: float | None = None,
        stride: float | None = None,
        batch_size: int = 8,
        fps: float | None = None,
    ) -> ClipPrediction:
        """Predict one clip or video.

        Args:
            source: Result of :func:`open_frame_source`, or its input.
            window: Length of a window in seconds. By default a video of up to a second
                is one clip, and a longer one has windows of half a second.
            stride: Seconds from one window to the next. Defaults to half a window.
            batch_size: Number of windows per forward pass. Defaults to 8.
            fps: Frames per second, see :func:`open_frame_source`. Defaults to None.

        Returns:
            The prediction, with images.

        Raises:
            MERDataError: The clip cannot be read, has fewer than two frames, or no
                window shows exactly one face.
        """
        if not isinstance(source, FrameSource):
            source = open_frame_source(source, fps)
        if batch_size < 1:
            raise MERRunError(
                f'is {batch_size}, but must be 1 or more', field='batch_size'
            )
        length, step = _window_frames(source.fps, window, stride)
        windows: list[WindowPrediction] = []
        best: _Candidate | None = None
        batch: list[tuple[int, dict[str, Any]]] = []
        pending = self._windows(source, length, step, window is None)
        for index, (start, frames) in enumerate(pending):
            one, clip, packed = self._prepare(source, start, frames)
            windows.append(one)
            if packed is None:
                continue
            if best is None or one.strength > windows[best.index].strength:
                best = _Candidate(index, frames, clip, packed)
            batch.append((index, packed))
            if len(batch) == batch_size:
                self._score(windows, batch, best)
        if batch:
            self._score(windows, batch, best)
        if not windows:
            raise MERDataError('has no frames', path=source.name)
        if best is None:
            raise MERDataError(windows[0].problem, path=source.name)
        return self._explain(source, windows, best)

    def _windows(
        self, source: FrameSource, length: int, step: int, by_length: bool
    ) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield the windows of a video; one window if it is short."""
        bar = tqdm(
            source.frames(),
            desc=source.name,
            total=source.count,
            unit='frame',
            disable=not self.show_progress,
        )
        needed = max(length, round(CLIP_SECONDS * source.fps) if by_length else 0)
        frames = check_memory(bar, min(needed, source.count or needed), source.name)
        if by_length:
            first = []
            for frame in frames:
                first.append(frame)
                if len(first) > CLIP_SECONDS * source.fps + 1:
                    break
            else:
                yield from [(0, first)] if first else []
                return
            frames = chain(_drain(first), frames)
        yield from sliding_windows(frames, length, step)

    def _prepare(
        self, source: FrameSource, start: int, frames: list[np.ndarray]
    ) -> tuple[WindowPrediction, np.ndarray, dict[str, Any] | None]:
        """Crop the face of a window, find its strongest movement, and pack it."""
        stop = start + len(frames)
        try:
            clip, matrix, face = crop_face(
                frames, self.framing, self.find_face, source.name
            )
        except FaceNotFoundError as error:
            where = f'frame {start}: ' if start else ''
            failed = WindowPrediction(start, stop, problem=f'{where}{error}')
            return failed, np.empty(0), None
        found = spot(clip) if len(clip) >= _MIN_SPOTTING else None
        if found is not None and found.strength < MIN_STRENGTH:
            found = None
        name = f'{source.name}, frame {start}' if start else source.name
        packed = self.pipeline(clip, source.fps, found and found.apex, name)
        return WindowPrediction(start, stop, None, found, matrix, face), clip, packed

    def _score(
        self,
        windows: list[WindowPrediction],
        batch: list[tuple[int, dict[str, Any]]],
        best: _Candidate | None,
    ) -> None:
        """Add the probabilities of a batch to its windows, and empty it.

        The preprocessed inputs of the best window are kept: the front end runs once.
        """
        data = self.ensemble.preprocess([packed for _, packed in batch])
        scores = self.ensemble.probabilities(data).numpy().transpose(1, 0, 2)
        for row, (index, _) in enumerate(batch):
            windows[index] = replace(windows[index], probabilities=scores[row])
            inputs = data['inputs']
            if best is not None and index == best.index and isinstance(inputs, dict):
                best.inputs = {
                    name: value[row : row + 1] for name, value in inputs.items()
                }
        batch.clear()

    def _explain(
        self, source: FrameSource, windows: list[WindowPrediction], best: _Candidate
    ) -> ClipPrediction:
        """Add what explains the prediction: saliency, display frames and notes."""
        window = windows[best.index]
        saliency = explanation = None
        if best.inputs is not None:
            explanation = self.ensemble.explain(best.packed, best.inputs)
            if self.ensemble.has_saliency:
                saliency = self._saliency(best, int(window.mean.argmax()))
        notes = [*source.notes]
        if missing := sum(one.probabilities is None for one in windows):
            notes.append(f'no face was found in {missing} of {len(windows)} windows')
        if window.spot is None:
            few = window.stop - window.start < _MIN_SPOTTING
            notes.append(
                f'the apex was not estimated: there are fewer than {_MIN_SPOTTING} '
                f'frames'
                if few
                else 'no movement was found: the label is not meaningful'
            )
        elif window.strength > MAX_STRENGTH:
            notes.append(
                'the face moves more than in any expression: the clip may contain a '
                'cut, a turn of the head or a change of light'
            )
        return ClipPrediction(
            source.name,
            source.fps,
            windows[-1].stop,
            self.classes,
            windows,
            best.index,
            self.ensemble.names,
            self.framing.size,
            self._display(best, window),
            saliency,
            explanation,
            notes,
        )

    def _saliency(self, best: _Candidate, target: int) -> np.ndarray:
        """Compute the saliency map over the displayed face, for one class."""
        attribution = self.ensemble.attribution(
            [best.packed], best.inputs or {}, torch.tensor([target])
        )[0].numpy()
        frames = self.pipeline.model_frames(best.packed, self.model)
        if frames is not None:
            attribution = weight_by_motion(attribution, *frames)
        matrix = self.pipeline.model_to_frame(self.model, self.framing.size)
        matrix *= DISPLAY_SIZE / self.framing.size
        size = (DISPLAY_SIZE, DISPLAY_SIZE)
        return cv2.warpAffine(attribution, matrix, size).clip(0, 1)

    def _display(self, best: _Candidate, window: WindowPrediction) -> np.ndarray:
        """Return the aligned face for display, ``(N, 224, 224, 3)``."""
        if self.framing.size == DISPLAY_SIZE:
            return best.clip
        matrix = np.asarray(window.matrix) * (DISPLAY_SIZE / self.framing.size)
        return np.stack([align(frame, matrix, DISPLAY_SIZE) for frame in best.frames])

    def visualize(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: :meth:`__call__` draws."""

    def postprocess(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: :meth:`__call__` returns predictions as they are."""

    def _init_pipeline(self, cfg: Any) -> None:
        """Do nothing: the pipeline is that of the trained model."""


def _window_frames(
    fps: float, window: float | None, stride: float | None
) -> tuple[int, int]:
    """Convert window and stride from seconds to frames."""
    for name, given in (('window', window), ('stride', stride)):
        if given is not None and not 0 < given < math.inf:
            raise MERRunError(f'is {given} s, but must be more than 0', field=name)
    seconds = WINDOW_SECONDS if window is None else window
    length = round(seconds * fps)
    if length < 2:
        raise MERRunError(
            f'{seconds:g} s are {length} frame(s) at {fps:g} frames per second',
            field='window',
            hint='choose a longer one',
        )
    step = length // 2 if stride is None else round(stride * fps)
    if not 1 <= step <= length:
        raise MERRunError(
            f'is {stride:g} s, but must be between one frame and the window of '
            f'{seconds:g} s',
            field='stride',
        )
    return length, step


def check_memory(
    frames: Iterable[np.ndarray], needed: int, name: str
) -> Iterator[np.ndarray]:
    """Yield frames after checking that a window of them fits into memory.

    Args:
        frames: The frames.
        needed: Number of frames that are held at once.
        name: Name of the clip, for messages.

    Raises:
        MERDataError: They take too much memory.
    """
    for index, frame in enumerate(frames):
        if index == 0 and needed * frame.nbytes > MAX_FRAME_BYTES:
            raise MERDataError(
                f'{needed} frames of {frame.shape[1]}x{frame.shape[0]} pixels, which '
                f'are held at once, take {needed * frame.nbytes >> 20} MiB, more than '
                f'{MAX_FRAME_BYTES >> 20}',
                path=name,
                hint='reduce the size of the images, or choose a shorter window',
            )
        yield frame


def _drain(frames: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the items of a list, keeping no reference to those already yielded."""
    frames.reverse()
    while frames:
        yield frames.pop()
