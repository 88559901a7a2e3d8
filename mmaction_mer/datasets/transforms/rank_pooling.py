"""Approximate rank pooling as a transform."""

from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...motion.magnification import to_video
from ...motion.rank_pooling import rank_pool
from ...utils.errors import MERDataError
from .clip_arrays import geometry, stack_moving_clips
from .frame_rates import clip_of


@TRANSFORMS.register_module()
class RankPooling(BaseTransform):
    """Approximate rank pooling of a clip into one image (MPT, Eq. 1).

    Required keys: ``imgs``. Place it after flips and crops, see
    :class:`EulerianMagnification`.

    Args:
        remove_head_motion: Whether to remove the motion of the head, see
            :mod:`~mmaction_mer.motion.head_motion`. Defaults to False.
        output: ``'imgs'`` replaces each clip by its image (uint8), for image
            recognizers; ``'rank_image'`` adds ``results['rank_image']``
            ``(H, W, C)`` float32 in ``[0, 255]``, for :class:`PackMERInputs`.
            Defaults to 'imgs'.
    """

    def __init__(self, remove_head_motion: bool = False, output: str = 'imgs') -> None:
        if output not in ('rank_image', 'imgs'):
            raise ValueError(f"output must be 'rank_image' or 'imgs', got {output!r}")
        self.remove_head_motion = remove_head_motion
        self.output = output

    def transform(self, results: dict) -> dict:
        """Pool each clip of ``results['imgs']``."""
        images = [
            rank_pool(clip, self.remove_head_motion)
            for clip in stack_moving_clips(results)
        ]
        if self.output == 'imgs':
            results['imgs'] = [to_video(image) for image in images]
            results.update(clip_len=1, imgs_by=type(self).__name__)
            return results
        if len(images) != 1:
            raise MERDataError(
                f"{len(images)} clips were sampled, but output='rank_image' needs one",
                clip=clip_of(results),
                hint="use output='imgs'",
            )
        results['rank_image'] = images[0]
        results['rank_geometry'] = geometry(results)
        return results
