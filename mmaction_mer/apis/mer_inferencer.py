"""From a video to a label, as mmaction's inferencers do it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmaction.registry import INFERENCERS
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from tqdm import tqdm

from ..datasets.faces.alignment import align
from ..datasets.faces.finder import FaceFinder, FaceNotFoundError
from ..motion.spotting import spot
from ..utils.errors import MERDataError, MERRunError
from ..utils.json_files import write_json
from .clip_prediction import Reading, WindowPrediction
from .ensemble import FoldEnsemble
from .face_clip import face_clip
from .framing import Framing, framing_of
from .packing import Packer
from .saliency import moving_evidence
from .sources import Limits, Source, open_source
from .weights import DEMO, load_weights
from .windows import sliding

#: Seconds up to which a video is one clip.
WHOLE = 1.0
#: Seconds of a window of a longer one: a micro-expression lasts half a second at most.
WINDOW = 0.5
#: Bytes of the frames that are held at once, at most.
HELD = 3 << 28
#: Strength in grey levels below which nothing moves, and above which it is no
#: expression. SynthME's clips have 0.20 to 3.3; a still photograph 0.09 at most with
#: noise of two grey levels, 0.05 when compressed; one cut sideways within the clip 44.
STILL, WILD = 0.16, 15.0
#: Fewest frames in which the strongest movement is looked for.
_SPOTTED = 5
FACES = ('align', 'as-is')

Given = str | Path | np.ndarray


@INFERENCERS.register_module(name='micro-expression-recognition')
@INFERENCERS.register_module()
class MERInferencer(BaseInferencer):
    """Recognise micro-expressions in videos, folders of frames or arrays.

    The face is found in the first frame of a clip and brought to where the model's
    training had it, by one transform for all frames, so that no motion is added. What
    the model then sees is made by the test pipeline that it was trained with.

    The folds of a run are averaged. Each has learnt from all subjects but its own:
    scores of clips that a run was trained on say nothing of how good it is.

    Args:
        model: ``'demo'`` (ships with the package), the work directory of a run, the
            folder or ``model.pth`` of one fold, a file that ``tools/publish_model.py``
            wrote, or a config file together with ``weights``.
        weights: Checkpoint for a config file.
        device: As in torch; a GPU where there is one by default.
        folds: Names of the folds to use; all by default.
        face: ``'align'`` finds the face and cuts it out; ``'as-is'`` takes frames that
            are cut already as the training's were.
        face_model: File of the face finder; see ``find_model``.
        show_progress: Show how far a long video is.

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
        # Not the base's: it reads names from mmaction's own list of models.
        if face not in FACES:
            raise MERRunError(f'face is {face!r}, not one of {", ".join(FACES)}')
        loaded = load_weights(model, weights)
        if folds is not None:
            loaded = loaded.only(folds)
        self.scope = 'mmaction'
        self.show_progress = show_progress
        self.ensemble = FoldEnsemble(loaded, device or get_device())
        self.model = self.ensemble.model
        self.classes = loaded.classes
        self.framing: Framing = framing_of(loaded.dataset)
        self.packer = Packer(loaded.pipeline, loaded.dataset)
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
        limits: Limits | None = None,
    ) -> dict[str, Any]:
        """Read one clip or many.

        Args:
            inputs: A video file, a folder with the frames of one clip, an array
                ``(T, H, W, 3)`` uint8 RGB, or a list of these.
            fps: Frames per second at which they were taken; see ``open_source``.
            window: See :meth:`read`.
            stride: See :meth:`read`.
            batch_size: See :meth:`read`.
            pred_out_file: JSON file for the predictions.
            vid_out_dir: Folder for a video of each clip with the result drawn in.
            return_vis: Return these videos too.
            limits: How much is read.

        Returns:
            ``predictions``, a list of plain dicts (see ``Reading.as_dict``), and
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
            source = open_source(one, fps, limits)
            reading = self.read(source, window, stride, batch_size)
            told = reading.as_dict()
            if not isinstance(one, np.ndarray):
                told['input'] = str(one)
            predictions.append(told)
            if pred_out_file:  # what is done already stays, should a later one fail
                write_json(pred_out_file, {'predictions': predictions})
            if vid_out_dir or return_vis:
                from .overlay import overlay_frames, write_overlay

                if vid_out_dir:
                    stem = f'{number:03d}_' if len(given) > 1 else ''
                    name = 'array' if isinstance(one, np.ndarray) else Path(one).stem
                    write_overlay(
                        Path(vid_out_dir, f'{stem}{name}.mp4'), reading, source
                    )
                if return_vis:
                    drawn.append(np.stack(list(overlay_frames(reading, source))))
        return {
            'predictions': predictions,
            'visualization': drawn if return_vis else None,
        }

    def read(
        self,
        source: Source | Given,
        window: float | None = None,
        stride: float | None = None,
        batch_size: int = 8,
        fps: float | None = None,
    ) -> Reading:
        """Read one clip or video.

        Args:
            source: What :func:`open_source` gave, or takes.
            window: Seconds of a window; by default a video of up to a second is one
                clip, and a longer one has windows of half a second.
            stride: Seconds from one window to the next; half a window by default.
            batch_size: Windows that go through the model at once.
            fps: As in ``open_source``.

        Returns:
            The reading, with pictures.

        Raises:
            MERDataError: It cannot be read, has fewer than two frames, or no window
                shows one face.
        """
        if not isinstance(source, Source):
            source = open_source(source, fps)
        if batch_size < 1:
            raise MERRunError(f'batch_size is {batch_size}, but must be 1 or more')
        length, step = _lengths(source.fps, window, stride)
        windows: list[WindowPrediction] = []
        best: tuple[float, int, np.ndarray, dict[str, Any]] | None = None
        batch: list[tuple[int, dict[str, Any]]] = []
        pending = self._windows(source, length, step, window is None)
        for number, (start, frames) in enumerate(pending):
            reading, face_clip, packed = self._look(source, start, frames)
            windows.append(reading)
            if packed is None:
                continue
            if best is None or reading.strength > best[0]:
                best = reading.strength, number, face_clip, packed
            batch.append((number, packed))
            if len(batch) == batch_size:
                self._score(windows, batch)
        self._score(windows, batch)
        if not windows:
            raise MERDataError(f'{source.name}: holds no frames')
        if best is None:
            raise MERDataError(windows[0].problem)
        return self._tell(source, windows, best)

    def _windows(
        self, source: Source, length: int, step: int, by_length: bool
    ) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Give the windows of a video: one where it is short."""
        bar = tqdm(
            source.frames(),
            desc=source.name,
            total=source.count,
            unit='frame',
            disable=not self.show_progress,
        )
        needed = max(length, round(WHOLE * source.fps) if by_length else 0)
        needed = min(needed, source.count or needed)
        frames = that_fit(bar, needed, source.name)
        if by_length:
            first = []
            for frame in frames:
                first.append(frame)
                if len(first) > WHOLE * source.fps + 1:
                    break
            else:
                yield from [(0, first)] if first else []
                return
            frames = _chain(first, frames)
        yield from sliding(frames, length, step)

    def _look(
        self, source: Source, start: int, frames: list[np.ndarray]
    ) -> tuple[WindowPrediction, np.ndarray | None, dict[str, Any] | None]:
        """Cut out the face of a window, and pack it for the model."""
        stop = start + len(frames)
        name = source.name if start == 0 else f'{source.name}, frame {start}'
        try:
            clip, matrix, face = face_clip(
                frames, self.framing, self.find_face, source.name
            )
        except FaceNotFoundError as error:
            problem = WindowPrediction(start, stop, problem=f'{name}: {error}')
            return problem, None, None
        found = spot(clip) if len(clip) >= _SPOTTED else None
        if found is not None and found.strength < STILL:
            found = None
        packed = self.packer(clip, source.fps, found and found.apex, name)
        reading = WindowPrediction(start, stop, None, found, matrix, face)
        return reading, self._large(frames, matrix), packed

    def _large(self, frames: list[np.ndarray], matrix: np.ndarray) -> np.ndarray:
        """The face of a window for people to look at, ``(N, 224, 224, 3)``."""
        matrix = matrix * (SHOWN / self.framing.size)
        return np.stack([align(frame, matrix, SHOWN) for frame in frames])

    def _score(
        self, windows: list[WindowPrediction], batch: list[tuple[int, dict[str, Any]]]
    ) -> None:
        """Put the probabilities of a batch to its windows, and empty it."""
        if not batch:
            return
        scores = self.ensemble.probabilities([packed for _, packed in batch]).numpy()
        for (number, _), probabilities in zip(
            batch, scores.transpose(1, 0, 2), strict=True
        ):
            old = windows[number]
            windows[number] = WindowPrediction(
                old.start, old.stop, probabilities, old.spot, old.matrix, old.face
            )
        batch.clear()

    def _tell(
        self,
        source: Source,
        windows: list[WindowPrediction],
        best: tuple[float, int, np.ndarray, dict[str, Any]],
    ) -> Reading:
        _, chosen, clip, packed = best
        heat = None
        if self.ensemble.locates:
            target = torch.tensor([int(windows[chosen].mean.argmax())])
            evidence = self.ensemble.evidence([packed], target)[0].numpy()
            seen = self.packer.seen(packed, self.model)
            if seen is not None:
                evidence = moving_evidence(evidence, *seen)
            view = self.packer.view(self.model, self.framing.size)
            view *= SHOWN / self.framing.size
            heat = cv2.warpAffine(evidence, view, (SHOWN, SHOWN)).clip(0, 1)
        notes = [*source.notes]
        if lost := sum(one.probabilities is None for one in windows):
            notes.append(f'no face was found in {lost} of {len(windows)} windows')
        best_window = windows[chosen]
        if best_window.spot is None:
            few = best_window.stop - best_window.start < _SPOTTED
            notes.append(
                f'fewer than {_SPOTTED} frames: no apex was looked for'
                if few
                else 'no movement was found: the label is of noise'
            )
        elif best_window.strength > WILD:
            notes.append(
                'the face moves more than any expression: it was cut, turned or lit '
                'anew within the clip, perhaps'
            )
        return Reading(
            source.name,
            source.fps,
            windows[-1].stop,
            self.classes,
            windows,
            chosen,
            self.ensemble.names,
            self.framing.size,
            clip,
            heat,
            self.ensemble.explain(packed),
            notes,
        )

    def visualize(self, *args: Any, **kwargs: Any) -> None:
        """Not used: :meth:`__call__` draws."""

    def postprocess(self, *args: Any, **kwargs: Any) -> None:
        """Not used: :meth:`__call__` gives predictions as they are."""

    def _init_pipeline(self, cfg: Any) -> None:
        """Not used: the pipeline is the trained model's own."""


#: Side in pixels of the face that people are shown.
SHOWN = 224


def _lengths(fps: float, window: float | None, stride: float | None) -> tuple[int, int]:
    for name, given in (('window', window), ('stride', stride)):
        if given is not None and not 0 < given < math.inf:
            raise MERRunError(f'{name} is {given} s, but must be more than 0')
    seconds = WINDOW if window is None else window
    length = round(seconds * fps)
    if length < 2:
        raise MERRunError(
            f'a window of {seconds:g} s has {length} frame(s) at {fps:g} frames a '
            f'second: choose a longer one'
        )
    step = length // 2 if stride is None else round(stride * fps)
    if not 1 <= step <= length:
        raise MERRunError(
            f'stride is {stride:g} s, but lies between one frame and the window of '
            f'{seconds:g} s'
        )
    return length, step


def that_fit(
    frames: Iterable[np.ndarray], needed: int, name: str
) -> Iterator[np.ndarray]:
    """Refuse frames of which a window would not fit into memory."""
    for number, frame in enumerate(frames):
        if number == 0 and needed * frame.nbytes > HELD:
            raise MERDataError(
                f'{name}: {needed} frames of {frame.shape[1]}x{frame.shape[0]} pixels, '
                f'which are held at once, take {needed * frame.nbytes >> 20} MiB; '
                f'more than {HELD >> 20} are not: make the pictures smaller, or choose '
                f'a shorter window'
            )
        yield frame


def _chain(first: list[np.ndarray], rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Give frames that were read already, then the others; hold none of them longer."""
    first.reverse()
    while first:
        yield first.pop()
    yield from rest
