"""The motion functions as pipeline transforms for any mmaction config."""

import logging

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from ...motion.magnification import magnify, magnify_pyramid, to_video
from ...motion.rank_pooling import rank_pool
from ...motion.registration import stabilize
from ...motion.temporal import (
    clamp_band,
    effective_fps,
    interpolation_matrix,
    resampling_matrix,
)
from ...utils.errors import MERDataError
from .frame_rates import (
    IrregularSampling,
    clip_of,
    frame_rate,
    frame_step,
    recording_rate,
    sampled_numbers,
)

# What mmaction's geometric transforms leave behind in the results.
_GEOMETRY = ('img_shape', 'flip', 'flip_direction', 'crop_quadruple', 'crop_bbox')
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


# Every fold builds its transforms anew; a dataset is told of once per process.
_told: set[tuple[str, float, float]] = set()


class BandNotice:
    """Says once per dataset that a pass band was narrowed, and never says nothing.

    Args:
        low: Lower edge asked for, in Hz.
        high: Upper edge asked for, in Hz.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(
        self, fps: float, dataset: str = 'this dataset', clip: str = '(unnamed)'
    ) -> None:
        """Check one clip's effective frame rate in Hz.

        Raises:
            MERDataError: The rate cannot hold the band at all; the clip is named.
        """
        try:
            _, change = clamp_band(fps, self.low, self.high)
        except ValueError as error:
            raise MERDataError(f'clip {clip} of {dataset}, fps: {error}') from error
        case = (dataset, self.low, self.high)
        if change is not None and case not in _told:
            _told.add(case)
            print_log(
                f'{dataset}: {change}. Other clips of {dataset} may be affected; this '
                'is said once.',
                logger='current',
                level=logging.WARNING,
            )


@TRANSFORMS.register_module()
class StandardizeLength(BaseTransform):
    """Bring a clip to a fixed number of frames by linear interpolation in time.

    Of several sampled clips each becomes so long by itself. Behind a sampler of
    mmaction that draws frames at irregular places, the frames out are regular in time.

    Required: ``imgs``. Changed: ``imgs``, ``clip_len``, ``frame_step``, and ``fps``
    where a frame rate is known, see :mod:`~mmaction_mer.datasets.transforms.frame_rates`.

    Args:
        length: Frames T after; the paper's 16.
        average: Average neighbouring frames of a longer clip rather than dropping
            them, which lowers the camera's noise. Not part of the paper; give
            ``LoadMERFrames`` ``max_frames=None`` with it.

    Raises:
        MERDataError: The clip has one frame or none, or frames that go back in time, or
            ``average`` is asked for and not all frames were read.
    """

    deterministic = True

    def __init__(self, length: int = 16, average: bool = False) -> None:
        self.length = length
        self.average = average

    def transform(self, results: dict) -> dict:
        """Standardise ``results['imgs']``: N frames ``(H, W, C)`` become T."""
        clips = _moving_clips(results)
        given = len(results['imgs'])
        if self.average and given < results.get('total_frames', 0):
            raise MERDataError(
                f'clip {clip_of(results)}: only {given} of its '
                f'{results["total_frames"]} frames were read, so that average=True has '
                'nothing to average: set max_frames=None in LoadMERFrames'
            )
        matrix, told = self._times(results, clips.shape[1])
        if not np.array_equal(matrix, np.eye(clips.shape[1])):
            weights = matrix.astype(np.float32)
            mixed = [
                np.tensordot(weights, clip.astype(np.float32), axes=1) for clip in clips
            ]
            if clips.dtype == np.uint8:
                mixed = [to_video(clip) for clip in mixed]
            results['imgs'] = [frame for clip in mixed for frame in clip]
        results.update(told, clip_len=self.length)
        return results

    def _times(self, results: dict, count: int) -> tuple[np.ndarray, dict[str, float]]:
        """The matrix from frames in to frames out; step and rate of the latter."""
        told = {}
        known = {'fps', 'avg_fps'} & results.keys()
        try:
            step = frame_step(results)
            if known:
                told['fps'] = effective_fps(frame_rate(results), count, self.length)
        except IrregularSampling as error:
            numbers = sampled_numbers(results)
            if numbers is None or numbers.shape != (1, count):
                raise MERDataError(f'clip {clip_of(results)}: {error}') from error
            places = numbers[0]
            told['frame_step'] = float(places[-1] - places[0]) / (self.length - 1)
            if known:
                told['fps'] = recording_rate(results) / told['frame_step']
            return resampling_matrix(places, self.length), told
        except MERDataError as error:
            if str(error).startswith('clip '):
                raise
            raise MERDataError(f'clip {clip_of(results)}: {error}') from error
        told['frame_step'] = step * (count - 1) / (self.length - 1)
        return interpolation_matrix(count, self.length, self.average), told


@TRANSFORMS.register_module()
class StabilizeHead(BaseTransform):
    """Hold the head still, see :func:`~mmaction_mer.motion.registration.stabilize`.

    Required and changed: ``imgs``. Not part of the paper. Place it before flips and
    crops or after them, but before magnification and pooling.
    """

    deterministic = True

    def transform(self, results: dict) -> dict:
        """Register the frames of each clip of ``results['imgs']`` to its first."""
        results['imgs'] = [
            frame for clip in _clips(results) for frame in stabilize(clip)
        ]
        return results


@TRANSFORMS.register_module()
class EulerianMagnification(BaseTransform):
    """Eulerian motion magnification (MPT, Eq. 4-7).

    Required: ``imgs`` and a frame rate. Place it after flips and crops, so that one
    geometry holds for motion and image alike; :class:`PackMERInputs` refuses a
    geometry that changed in between.

    Args:
        alpha: Gain.
        low: Lower edge of the pass band in Hz.
        high: Upper edge of the pass band in Hz.
        order: Order of the Butterworth filter.
        kind: ``'zero-phase'``, ``'causal'`` or ``'ideal'``.
        keep_residual: Magnify the pyramid's low-pass residual too.
        cutoff_wavelength: Spatial cut-off in pixels for gains per level, or ``None``.
        remove_head_motion: Take the head's own motion out, see :mod:`~mmaction_mer.motion.head_motion`.
        output: ``'imgs'`` replaces the frames by the magnified video (uint8), for
            recognizers that know nothing of motion; ``'motion'`` adds
            ``results['motion']`` ``(T, H, W, C)`` float32, for
            :class:`PackMERInputs`, and mmaction's own packer refuses it.
        fps: Frame rate of the recording in Hz, for pipelines that carry none or a wrong
            one. Where frames were sampled from it, every fourth say, their own rate is
            that much lower; it is computed, see
            :mod:`~mmaction_mer.datasets.transforms.frame_rates`.
    """

    def __init__(
        self,
        alpha: float = 20.0,
        low: float = 0.4,
        high: float = 4.0,
        order: int = 1,
        kind: str = 'zero-phase',
        keep_residual: bool = True,
        cutoff_wavelength: float | None = None,
        remove_head_motion: bool = False,
        output: str = 'imgs',
        fps: float | None = None,
    ) -> None:
        if output not in ('motion', 'imgs'):
            raise ValueError(f"output is 'motion' or 'imgs', got {output!r}")
        self.filter = dict(
            alpha=alpha,
            low=low,
            high=high,
            order=order,
            kind=kind,
            keep_residual=keep_residual,
            remove_head_motion=remove_head_motion,
        )
        self.cutoff_wavelength = cutoff_wavelength
        self.output = output
        self.fps = fps
        self._notice = BandNotice(low, high)

    def transform(self, results: dict) -> dict:
        """Magnify ``results['imgs']``, each clip of it by itself."""
        clips = _moving_clips(results)
        fps = frame_rate(results, self.fps)
        self._notice(fps, results.get('dataset', 'this dataset'), clip_of(results))
        video = self.output == 'imgs'
        if self.cutoff_wavelength is None:
            parts = [
                magnify(clip, fps, as_video=video, **self.filter) for clip in clips
            ]
        else:
            parts = [
                magnify_pyramid(
                    clip,
                    fps,
                    cutoff_wavelength=self.cutoff_wavelength,
                    add_original=video,
                    **self.filter,
                )
                for clip in clips
            ]
            if video:
                parts = [to_video(part) for part in parts]
        if video:
            results['imgs'] = [frame for part in parts for frame in part]
            results['imgs_by'] = type(self).__name__
        else:
            results['motion'] = np.concatenate(parts)
            results['motion_geometry'] = _geometry(results)
        return results


@TRANSFORMS.register_module()
class RankPooling(BaseTransform):
    """Approximate rank pooling of a clip into one image (MPT, Eq. 1).

    Required: ``imgs``. Place it after flips and crops, see
    :class:`EulerianMagnification`.

    Args:
        remove_head_motion: Take the head's own motion out, see :mod:`~mmaction_mer.motion.head_motion`.
        output: ``'imgs'`` replaces each clip by its image (uint8), for recognizers of
            pictures; ``'rank_image'`` adds ``results['rank_image']`` ``(H, W, C)``
            float32 in ``[0, 255]``, for :class:`PackMERInputs`.
    """

    def __init__(self, remove_head_motion: bool = False, output: str = 'imgs') -> None:
        if output not in ('rank_image', 'imgs'):
            raise ValueError(f"output is 'rank_image' or 'imgs', got {output!r}")
        self.remove_head_motion = remove_head_motion
        self.output = output

    def transform(self, results: dict) -> dict:
        """Pool ``results['imgs']``, each clip of it by itself."""
        images = [
            rank_pool(clip, self.remove_head_motion) for clip in _moving_clips(results)
        ]
        if self.output == 'imgs':
            results['imgs'] = [to_video(image) for image in images]
            results.update(clip_len=1, imgs_by=type(self).__name__)
            return results
        if len(images) != 1:
            raise ValueError(
                f'clip {clip_of(results)}: {len(images)} clips sampled, but '
                "output='rank_image' holds one; use output='imgs'"
            )
        results['rank_image'] = images[0]
        results['rank_geometry'] = _geometry(results)
        return results


@TRANSFORMS.register_module()
class PackMERInputs(BaseTransform):
    """Pack a clip for :class:`MPTRecognizer`.

    With ``motion`` and ``rank_image`` in the results these become the inputs
    ``image (C, H, W)`` and ``motion (T, C, H, W)``, float32; without them the frames
    go as they are, ``clip (T, C, H, W)`` uint8, and the data preprocessor computes
    both on the device.

    Args:
        meta_keys: What is kept in the data sample's metainfo; ``fps`` is the rate of
            the frames that are packed.
        fps: Frame rate of the recording in Hz, as in :class:`EulerianMagnification`.

    Raises:
        MERDataError: Several clips were sampled, frames at irregular steps, or another
            transform has put motion in the frames' place.
        ValueError: Only one of the two streams is there, or a flip or crop came
            between them, so that they no longer show the same face.
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
        streams = [key for key in ('motion', 'rank_image') if key in results]
        if 'imgs_by' in results:
            raise MERDataError(
                f"clip {clip_of(results)}: {results['imgs_by']}(output='imgs') has "
                f'replaced the frames, of which the model would compute the motion '
                f"again: write EulerianMagnification(output='motion') and "
                f"RankPooling(output='rank_image') before PackMERInputs, or neither"
            )
        if not streams:
            clips = _moving_clips(results)
            if len(clips) > 1:
                raise MERDataError(
                    f'clip {clip_of(results)}: {len(clips)} clips sampled, but '
                    'PackMERInputs packs one: give the sampler num_clips=1, and no '
                    'twice_sample'
                )
            return dict(clip=_channels_first(clips[0]))
        if len(streams) == 1:
            raise ValueError(
                f'clip {clip_of(results)}: {streams[0]} without the other stream; use '
                'EulerianMagnification and RankPooling together, or neither'
            )
        now = _geometry(results)
        for key in ('motion_geometry', 'rank_geometry'):
            if results[key] != now:
                raise ValueError(
                    f'clip {clip_of(results)}: flipped, cropped or resized after '
                    f'{key.split("_")[0]} was computed ({results[key]} -> {now}); '
                    'place EulerianMagnification and RankPooling after all of these'
                )
        return dict(
            image=_channels_first(results['rank_image']),
            motion=_channels_first(results['motion']),
        )


def _channels_first(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, -3)))


def _clips(results: dict) -> np.ndarray:
    """``imgs`` as ``(num_clips, T, H, W, C)``."""
    frames = np.stack(results['imgs'])
    length = results.get('clip_len', len(frames))
    if not isinstance(length, (int, np.integer)) or len(frames) % length:
        length = len(frames)
    return frames.reshape(-1, length, *frames.shape[1:])


def _moving_clips(results: dict) -> np.ndarray:
    """``imgs`` as ``(num_clips, T, H, W, C)``, T of two or more."""
    count = len(results['imgs'])
    clips = _clips(results) if count else np.empty((1, 0, 0, 0, 0))
    if clips.shape[1] < 2:
        some = (
            f'{len(clips)} clips of a single frame'
            if count > 1
            else f'{count} frame(s)'
        )
        raise MERDataError(
            f'clip {clip_of(results)}: {some}; motion needs at least two, check onset '
            f'and offset, or the clip_len of the sampler'
        )
    return clips


def _geometry(results: dict) -> dict:
    geometry = {}
    for key in _GEOMETRY:
        value = results.get(key)
        geometry[key] = None if value is None else np.asarray(value).tolist()
    return geometry
