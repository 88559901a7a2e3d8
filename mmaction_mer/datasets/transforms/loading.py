"""The first transform of a pipeline: from a clip's annotation to its frames."""

from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...utils.errors import MERDataError
from ...utils.text import quote
from ..clips import load_clip

# What a row must have for its frames to be found.
_ROW = ('dataset', 'subject', 'clip', 'onset', 'offset', 'fps')


@TRANSFORMS.register_module()
class LoadMERFrames(BaseTransform):
    """Read the frames from onset to offset, from local files.

    Required keys: what :class:`MERDataset` gives.

    Added keys: ``imgs`` (list of (H, W, 3) uint8 RGB), ``frame_inds``
    (frame numbers, int64), ``fps`` (of the frames read, Hz), ``frame_step`` (frames of
    the recording from one frame read to the next), ``total_frames``
    (offset - onset + 1), ``clip_len``, ``num_clips`` (1), ``original_shape`` and
    ``img_shape`` (h, w).

    Args:
        max_frames: Longer clips are sampled at regular intervals down to so many
            frames, and ``fps`` falls with them; None reads all.

    Raises:
        MERDataError: A frame cannot be read; the message names file and clip. Or the
            results are no row of an annotation.
    """

    deterministic = True

    def __init__(self, max_frames: int | None = 16) -> None:
        if max_frames is not None and max_frames < 2:
            raise MERDataError(f'max_frames is {max_frames}, but motion needs two')
        self.max_frames = max_frames

    def transform(self, results: dict) -> dict:
        """Add the frames of one clip.

        Args:
            results: The clip's annotation.

        Returns:
            The same dictionary with the keys added.
        """
        if missing := [key for key in _ROW if key not in results]:
            given = results.get('filename', results.get('frame_dir', 'the results'))
            raise MERDataError(
                f'{quote(given)}: LoadMERFrames reads rows of a MERDataset, but '
                f'{", ".join(missing)} are not there: a clip that is given by its file '
                f'alone is read by LoadMERSource, as in the test_pipeline of our '
                f'configs, or by MERInferencer'
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
