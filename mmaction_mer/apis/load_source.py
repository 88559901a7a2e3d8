"""The first transform of a ``test_pipeline``, for mmaction's own inference."""

from itertools import islice

from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ..datasets.faces.finder import FaceFinder, FaceNotFoundError
from ..utils.errors import MERDataError
from .face_clip import face_clip
from .framing import framing_of
from .mer_inferencer import FACES, WHOLE, that_fit
from .packing import clip_results
from .sources import open_source


@TRANSFORMS.register_module()
class LoadMERSource(BaseTransform):
    """Read one clip by its name, and cut out the face, as :class:`MERInferencer` does.

    With it at the head of ``test_pipeline``, ``mmaction.apis.inference_recognizer``
    takes a video file, or ``dict(filename=..., fps=...)`` for a folder of frames, an
    array, or a video whose file does not say the camera's rate.

    Required: ``filename``. Optional: ``fps`` in Hz. Added: ``imgs``, ``fps`` of the
    frames that are kept, ``frame_inds``, ``total_frames``, ``onset``, ``offset``,
    ``clip_len``, ``num_clips``, ``original_shape``, ``img_shape``, ``dataset`` and
    ``clip``; ``label`` stays as it is.

    Args:
        dataset: Data set that the model was trained on, which says how faces lie in
            its frames, see ``framing_of``.
        max_frames: As of ``LoadMERFrames``.
        face: ``'align'`` finds the face and cuts it out; ``'as-is'`` takes frames that
            are cut already as the training's were.
        face_model: File of the face finder; see ``find_model``.

    Raises:
        MERDataError: There is no face finder, or the clip cannot be read, lasts longer
            than a second, has fewer than two frames or shows no face or several.
    """

    def __init__(
        self,
        dataset: str = '',
        max_frames: int | None = 16,
        face: str = 'align',
        face_model: str | None = None,
    ) -> None:
        if face not in FACES:
            raise MERDataError(f'face is {face!r}, not one of {", ".join(FACES)}')
        self.dataset, self.max_frames = dataset, max_frames
        self.framing = framing_of(dataset)
        self.find_face = FaceFinder(face_model) if face == 'align' else None

    def transform(self, results: dict) -> dict:
        """Add the frames of one clip."""
        source = open_source(results['filename'], results.get('fps'))
        most = int(WHOLE * source.fps) + 1
        held = that_fit(source.frames(), min(most, source.count or most), source.name)
        frames = list(islice(held, most + 1))
        if len(frames) > most:
            raise MERDataError(
                f'{source.name}: lasts longer than {WHOLE:g} s at {source.fps:g} '
                f'frames a second, and is no one clip: cut it, give the true fps as '
                f'dict(filename=..., fps=...), or use MERInferencer, which looks at it '
                f'window by window'
            )
        try:
            clip, _, _ = face_clip(frames, self.framing, self.find_face, source.name)
        except FaceNotFoundError as error:
            raise MERDataError(f'{source.name}: {error}') from error
        found = clip_results(clip, source.fps, self.max_frames, source.name)
        return {**results, **found, 'dataset': self.dataset or 'unknown'}
