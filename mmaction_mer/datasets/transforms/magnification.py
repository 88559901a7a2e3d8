"""Eulerian motion magnification as a transform."""

import logging

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from ...motion.magnification import magnify
from ...motion.temporal import clamp_band
from ...utils.errors import MERDataError
from .clip_arrays import geometry, stack_moving_clips
from .frame_rates import clip_of, frame_rate

# Every fold builds its own transforms; each dataset is reported once per process.
_reported: set[tuple[str, float, float]] = set()


class PassBandCheck:
    """Check that clips can hold a pass band; log once per dataset that it is narrowed.

    Args:
        low: Lower edge in Hz.
        high: Upper edge in Hz.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(
        self, fps: float, dataset: str = 'this dataset', clip: str = '(unnamed)'
    ) -> None:
        """Check the effective frame rate of one clip, in Hz.

        Raises:
            MERDataError: The rate cannot hold the band at all.
        """
        try:
            _, change = clamp_band(fps, self.low, self.high)
        except ValueError as error:
            raise MERDataError(
                str(error), clip=f'{clip} of {dataset}', field='fps'
            ) from (error)
        key = (dataset, self.low, self.high)
        if change is not None and key not in _reported:
            _reported.add(key)
            print_log(
                f'{dataset}: {change}. Other clips of {dataset} may be affected; this '
                'is logged once.',
                logger='current',
                level=logging.WARNING,
            )


@TRANSFORMS.register_module()
class EulerianMagnification(BaseTransform):
    """Eulerian motion magnification (MPT, Eq. 4-7).

    Required keys: ``imgs`` and a frame rate. Place it after flips and crops, so that
    motion and image have the same geometry; :class:`PackMERInputs` raises an error if
    the geometry changed in between.

    Args:
        alpha: Gain. Defaults to 20.
        low: Lower edge of the pass band in Hz. Defaults to 0.4.
        high: Upper edge of the pass band in Hz. Defaults to 4.
        order: Order of the Butterworth filter. Defaults to 1.
        kind: ``'zero-phase'``, ``'causal'`` or ``'ideal'``. Defaults to 'zero-phase'.
        keep_residual: Whether to magnify the low-pass residual of the pyramid too.
            Defaults to True.
        remove_head_motion: Whether to remove the motion of the head, see
            :mod:`~mmaction_mer.motion.head_motion`. Defaults to False.
        output: ``'imgs'`` replaces the frames by the magnified video (uint8), for any
            recognizer; ``'motion'`` adds ``results['motion']`` ``(T, H, W, C)``
            float32, for :class:`PackMERInputs`; mmaction's own packer rejects it.
            Defaults to 'imgs'.
        fps: Frame rate of the recording in Hz, for pipelines that have no rate or a
            wrong one. If frames were sampled from it, their own lower rate is computed,
            see :mod:`~mmaction_mer.datasets.transforms.frame_rates`. Defaults to None.
    """

    def __init__(
        self,
        alpha: float = 20.0,
        low: float = 0.4,
        high: float = 4.0,
        order: int = 1,
        kind: str = 'zero-phase',
        keep_residual: bool = True,
        remove_head_motion: bool = False,
        output: str = 'imgs',
        fps: float | None = None,
    ) -> None:
        if output not in ('motion', 'imgs'):
            raise ValueError(f"output must be 'motion' or 'imgs', got {output!r}")
        self.filter = dict(
            alpha=alpha,
            low=low,
            high=high,
            order=order,
            kind=kind,
            keep_residual=keep_residual,
            remove_head_motion=remove_head_motion,
        )
        self.output = output
        self.fps = fps
        self._check_band = PassBandCheck(low, high)

    def transform(self, results: dict) -> dict:
        """Magnify each clip of ``results['imgs']``."""
        clips = stack_moving_clips(results)
        fps = frame_rate(results, self.fps)
        self._check_band(fps, results.get('dataset', 'this dataset'), clip_of(results))
        video = self.output == 'imgs'
        parts = [magnify(clip, fps, as_video=video, **self.filter) for clip in clips]
        if video:
            results['imgs'] = [frame for part in parts for frame in part]
            results['imgs_by'] = type(self).__name__
        else:
            results['motion'] = np.concatenate(parts)
            results['motion_geometry'] = geometry(results)
        return results
