"""The first transform of a pipeline: read the frames of an annotated clip."""

from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...utils.errors import MERDataError
from ...utils.text import quote
from ..clips import load_clip

# Keys of a row that reading its frames needs.
_ROW = ('dataset', 'subject', 'clip', 'onset', 'offset', 'fps')


@TRANSFORMS.register_module()
class LoadMERFrames(BaseTransform):
    """Read the frames from onset to offset, from local files.

    Required keys: those of :class:`MERDataset`.

    Added keys: ``imgs`` (list of (H, W, 3) uint8 RGB), ``frame_inds``
    (frame numbers, int64), ``fps`` (of the frames read, Hz), ``frame_step`` (frames of
    the recording from one frame read to the next), ``total_frames``
    (offset - onset + 1), ``clip_len``, ``num_clips`` (1), ``original_shape`` and
    ``img_shape`` (h, w).

    Args:
        max_frames: Longer clips are sampled at regular intervals to this number of
            frames, which lowers ``fps``; None reads all. Defaults to 16.

    Raises:
        MERDataError: A frame cannot be read, or the results are not a row of an
            annotation.
    """

    deterministic = True

    def __init__(self, max_frames: int | None = 16) -> None:
        if max_frames is not None and max_frames < 2:
            raise MERDataError(
                f'must be at least two for motion, but is {max_frames}',
                field='max_frames',
            )
        self.max_frames = max_frames

    def transform(self, results: dict) -> dict:
        """Read the frames of one clip.

        Args:
            results: The annotation of the clip.

        Returns:
            The same dictionary with the keys added.
        """
        if missing := [key for key in _ROW if key not in results]:
            given = results.get('filename', results.get('frame_dir', 'the results'))
            raise MERDataError(
                'LoadMERFrames reads rows of a MERDataset, but these keys are missing: '
                f'{", ".join(missing)}',
                path=quote(given),
                hint='read a clip that is only a file by LoadMERSource, as in '
                'test_pipeline of our configs, or by MERInferencer',
            )
        recorded = results['fps']
        results.update(load_clip(results, self.max_frames))
        shape = results['imgs'][0].shape[:2]
        results.update(
            frame_step=recorded / results['fps'],
            clip_len=len(results['imgs']),
            num_clips=1,
            original_shape=shape,
            img_shape=shape,
        )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(max_frames={self.max_frames})'
