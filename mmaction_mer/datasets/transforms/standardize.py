"""Transforms that prepare clips for the motion transforms: length and head motion."""

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...motion.magnification import to_video
from ...motion.registration import stabilize
from ...motion.temporal import effective_fps, interpolation_matrix, resampling_matrix
from ...utils.errors import MERDataError
from .clip_arrays import stack_clips, stack_moving_clips
from .frame_rates import (
    IrregularSamplingError,
    clip_of,
    frame_rate,
    frame_step,
    recording_rate,
    sampled_numbers,
)


@TRANSFORMS.register_module()
class StandardizeLength(BaseTransform):
    """Interpolate a clip linearly in time to a fixed number of frames.

    If several clips were sampled, each one gets this length. Frames that one of
    mmaction's samplers drew at irregular positions become regular in time.

    Required keys: ``imgs``. Modified keys: ``imgs``, ``clip_len``, ``frame_step``, and
    ``fps`` if a frame rate is known, see
    :mod:`~mmaction_mer.datasets.transforms.frame_rates`.

    Args:
        length: Number of frames T of the result. Defaults to 16, as in the paper.
        average: Whether to average neighboring frames of a longer clip rather than
            dropping them, which lowers the noise of the camera. Not part of the paper;
            needs ``max_frames=None`` of ``LoadMERFrames``. Defaults to False.

    Raises:
        MERDataError: The clip has one frame or none, or frames that go back in time, or
            ``average`` is set and not all frames were read.
    """

    deterministic = True

    def __init__(self, length: int = 16, average: bool = False) -> None:
        self.length = length
        self.average = average

    def transform(self, results: dict) -> dict:
        """Interpolate ``results['imgs']``: N frames ``(H, W, C)`` become T."""
        clips = stack_moving_clips(results)
        given, total = len(results['imgs']), results.get('total_frames', 0)
        if self.average and given < total:
            raise MERDataError(
                f'only {given} of its {total} frames were read, which leaves nothing '
                'for average=True to average',
                clip=clip_of(results),
                hint='set max_frames=None in LoadMERFrames',
            )
        matrix, timing = self._times(results, clips.shape[1])
        if not np.array_equal(matrix, np.eye(clips.shape[1])):
            weights = matrix.astype(np.float32)
            mixed = [
                np.tensordot(weights, clip.astype(np.float32), axes=1) for clip in clips
            ]
            if clips.dtype == np.uint8:
                mixed = [to_video(clip) for clip in mixed]
            results['imgs'] = [frame for clip in mixed for frame in clip]
        results.update(timing, clip_len=self.length)
        return results

    def _times(self, results: dict, count: int) -> tuple[np.ndarray, dict[str, float]]:
        """Return the interpolation matrix, and step and rate of the new frames."""
        timing = {}
        known = {'fps', 'avg_fps'} & results.keys()
        try:
            step = frame_step(results)
            if known:
                timing['fps'] = effective_fps(frame_rate(results), count, self.length)
        except IrregularSamplingError:
            numbers = sampled_numbers(results)
            if numbers is None or numbers.shape != (1, count):
                raise
            positions = numbers[0]
            step = float(positions[-1] - positions[0]) / (self.length - 1)
            timing['frame_step'] = step
            if known:
                timing['fps'] = recording_rate(results) / step
            return resampling_matrix(positions, self.length), timing
        timing['frame_step'] = step * (count - 1) / (self.length - 1)
        return interpolation_matrix(count, self.length, self.average), timing


@TRANSFORMS.register_module()
class StabilizeHead(BaseTransform):
    """Stabilize the head, see :func:`~mmaction_mer.motion.registration.stabilize`.

    Required and modified keys: ``imgs``. Not part of the paper. Place it before flips
    and crops or after them, but before magnification and pooling.
    """

    deterministic = True

    def transform(self, results: dict) -> dict:
        """Register the frames of each clip of ``results['imgs']`` to its first one."""
        results['imgs'] = [
            frame for clip in stack_clips(results) for frame in stabilize(clip)
        ]
        return results
