"""First transform of a ``test_pipeline`` for mmaction's own inference functions."""

from itertools import islice

from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ..datasets.faces.finder import FaceFinder, FaceNotFoundError
from ..utils.errors import MERDataError
from .clip_pipeline import clip_results
from .face_crop import FACE_MODES, crop_face
from .frame_sources import open_frame_source
from .framing import get_framing
from .mer_inferencer import CLIP_SECONDS, check_memory


@TRANSFORMS.register_module()
class LoadMERSource(BaseTransform):
    """Load one clip by its name and crop the face, as :class:`MERInferencer` does.

    With it as the first step of ``test_pipeline``,
    ``mmaction.apis.inference_recognizer`` takes a video file, or
    ``dict(filename=..., fps=...)`` for a folder of frames, an array, or a video whose
    file does not have the frame rate of the camera.

    Required keys: ``filename``. Optional: ``fps`` in Hz. Added keys: ``imgs``, ``fps``
    of the frames that are kept, ``frame_inds``, ``total_frames``, ``onset``,
    ``offset``, ``clip_len``, ``num_clips``, ``original_shape``, ``img_shape``,
    ``dataset`` and ``clip``.

    Args:
        dataset: Dataset that the model was trained on, which determines the position
            of faces in the frames, see ``get_framing``. Defaults to ''.
        max_frames: See ``LoadMERFrames``. Defaults to 16.
        face: ``'align'`` detects and aligns the face; ``'as-is'`` takes frames that
            are cropped as in training. Defaults to 'align'.
        face_model: File of the face finder, see ``find_model``. Defaults to None.

    Raises:
        MERDataError: There is no face finder; or the clip cannot be read, lasts longer
            than a second, has fewer than two frames, or shows no face or several.
    """

    def __init__(
        self,
        dataset: str = '',
        max_frames: int | None = 16,
        face: str = 'align',
        face_model: str | None = None,
    ) -> None:
        if face not in FACE_MODES:
            raise MERDataError(
                f'is {face!r}, not one of {", ".join(FACE_MODES)}', field='face'
            )
        self.dataset, self.max_frames = dataset, max_frames
        self.framing = get_framing(dataset)
        self.find_face = FaceFinder(face_model) if face == 'align' else None

    def transform(self, results: dict) -> dict:
        """Add the frames of one clip."""
        source = open_frame_source(results['filename'], results.get('fps'))
        most = int(CLIP_SECONDS * source.fps) + 1
        checked = check_memory(
            source.frames(), min(most, source.count or most), source.name
        )
        frames = list(islice(checked, most + 1))
        if len(frames) > most:
            raise MERDataError(
                f'lasts longer than {CLIP_SECONDS:g} s at {source.fps:g} frames per '
                f'second, and is not a single clip',
                path=source.name,
                hint='cut it, give the true fps as dict(filename=..., fps=...), or use '
                'MERInferencer, which splits it into windows',
            )
        try:
            clip, _, _ = crop_face(frames, self.framing, self.find_face, source.name)
        except FaceNotFoundError as error:
            raise MERDataError(str(error), path=source.name) from error
        loaded = clip_results(clip, source.fps, self.max_frames, source.name)
        return {**results, **loaded, 'dataset': self.dataset or 'unknown'}
