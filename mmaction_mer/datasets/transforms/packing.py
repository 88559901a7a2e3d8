"""Pack the inputs of :class:`MPTRecognizer`."""

import torch
from mmaction.registry import TRANSFORMS
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform

from ...utils.errors import MERDataError
from .clip_arrays import geometry, stack_moving_clips, to_channels_first
from .frame_rates import clip_of, frame_rate

_META_KEYS = (
    'dataset',
    'subject',
    'clip',
    'emotion',
    'fps',
    'onset',
    'apex',
    'offset',
    'frame_inds',
    'img_shape',
)


@TRANSFORMS.register_module()
class PackMERInputs(BaseTransform):
    """Pack a clip for :class:`MPTRecognizer`.

    With ``motion`` and ``rank_image`` in the results, the inputs are
    ``image (C, H, W)`` and ``motion (T, C, H, W)``, float32. Without them the input is
    ``clip (T, C, H, W)`` uint8, and the data preprocessor computes both streams on the
    device.

    Args:
        meta_keys: Keys that are stored in the metainfo of the data sample; ``fps`` is
            the rate of the packed frames.
        fps: Frame rate of the recording in Hz, as in :class:`EulerianMagnification`.
            Defaults to None.

    Raises:
        MERDataError: Several clips were sampled, frames are at irregular steps, another
            transform has replaced the frames by their motion, only one of the two
            streams is in the results, or a flip or crop came between the two, so that
            they no longer show the same face.
    """

    def __init__(
        self, meta_keys: tuple[str, ...] = _META_KEYS, fps: float | None = None
    ) -> None:
        self.meta_keys = tuple(meta_keys)
        self.fps = fps

    def transform(self, results: dict) -> dict:
        """Return ``dict(inputs=..., data_samples=ActionDataSample)``."""
        sample = ActionDataSample()
        if 'label' in results:
            sample.set_gt_label(results['label'])
        inputs, known = self._inputs(results), {'fps', 'avg_fps'} & results.keys()
        if 'clip' in inputs and (known or self.fps is not None):
            results = {**results, 'fps': frame_rate(results, self.fps)}
        sample.set_metainfo({k: results[k] for k in self.meta_keys if k in results})
        return dict(inputs=inputs, data_samples=sample)

    def _inputs(self, results: dict) -> dict[str, torch.Tensor]:
        clip = clip_of(results)
        if 'imgs_by' in results:
            raise MERDataError(
                f"{results['imgs_by']}(output='imgs') has replaced the frames, and the "
                'model would compute the motion of its result',
                clip=clip,
                hint="use EulerianMagnification(output='motion') and "
                "RankPooling(output='rank_image') before PackMERInputs, or neither",
            )
        streams = [key for key in ('motion', 'rank_image') if key in results]
        if not streams:
            clips = stack_moving_clips(results)
            if len(clips) > 1:
                raise MERDataError(
                    f'{len(clips)} clips were sampled, but PackMERInputs packs one',
                    clip=clip,
                    hint='set num_clips=1 of the sampler, and no twice_sample',
                )
            return dict(clip=to_channels_first(clips[0]))
        if len(streams) == 1:
            raise MERDataError(
                f'has {streams[0]} without the other stream',
                clip=clip,
                hint='use EulerianMagnification and RankPooling together, or neither',
            )
        now = geometry(results)
        for key in ('motion_geometry', 'rank_geometry'):
            if results[key] != now:
                raise MERDataError(
                    f'was flipped, cropped or resized after {key.split("_")[0]} was '
                    f'computed ({results[key]} -> {now})',
                    clip=clip,
                    hint='place EulerianMagnification and RankPooling after all of '
                    'these',
                )
        return dict(
            image=to_channels_first(results['rank_image']),
            motion=to_channels_first(results['motion']),
        )
