"""The motion functions as pipeline transforms for any mmaction config."""

import logging

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from ..datasets.annotation import MERDataError
from .magnification import magnify, magnify_pyramid, to_video
from .rank_pooling import rank_pool
from .stabilize import stabilize
from .temporal import clamp_band, effective_fps, interpolation_matrix

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


def frame_rate(results: dict) -> float:
    """Effective frame rate of the frames in a results dict, in Hz.

    MERDataset gives ``fps``; mmaction's video readers give ``avg_fps`` of the file
    and the ``frame_interval`` of what was sampled.

    Raises:
        KeyError: Neither is there.
    """
    if 'fps' in results:
        return float(results['fps'])
    if 'avg_fps' in results:
        return float(results['avg_fps']) / float(results.get('frame_interval', 1))
    raise KeyError(
        f'clip {_name(results)}: no frame rate (fps or avg_fps) in the results; the '
        'pass band is in Hz, so give fps=... to the transform'
    )


@TRANSFORMS.register_module()
class StandardizeLength(BaseTransform):
    """Bring a clip to a fixed number of frames by linear interpolation in time.

    Required: ``imgs``. Changed: ``imgs``, ``clip_len``, and ``fps`` where present.

    Args:
        length: Frames T after; the paper's 16.
        average: Average neighbouring frames of a longer clip rather than dropping
            them, which lowers the camera's noise. Not part of the paper; give
            ``LoadMERFrames`` ``max_frames=None`` with it.

    Raises:
        MERDataError: The clip has one frame or none, or ``average`` is asked for and
            not all frames were read.
    """

    deterministic = True

    def __init__(self, length: int = 16, average: bool = False) -> None:
        self.length = length
        self.average = average

    def transform(self, results: dict) -> dict:
        """Standardise ``results['imgs']``: N frames ``(H, W, C)`` become T."""
        frames = results['imgs']
        if len(frames) < 2:
            raise MERDataError(
                f'clip {_name(results)}: {len(frames)} frame(s); motion needs at least '
                'two, check onset and offset'
            )
        if self.average and len(frames) < results.get('total_frames', 0):
            raise MERDataError(
                f'clip {_name(results)}: only {len(frames)} of its '
                f'{results["total_frames"]} frames were read, so that average=True has '
                'nothing to average: set max_frames=None in LoadMERFrames'
            )
        if 'fps' in results:
            results['fps'] = effective_fps(results['fps'], len(frames), self.length)
        if len(frames) != self.length:
            clip = np.stack(frames)
            matrix = interpolation_matrix(len(frames), self.length, self.average)
            clip32 = clip.astype(np.float32)
            mixed = np.tensordot(matrix.astype(np.float32), clip32, axes=1)
            if clip.dtype == np.uint8:
                mixed = to_video(mixed)
            results['imgs'] = list(mixed)
        results['clip_len'] = self.length
        return results


@TRANSFORMS.register_module()
class StabilizeHead(BaseTransform):
    """Hold the head still, see :func:`~mmaction_mer.motion.stabilize.stabilize`.

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
        steady: Take the head's own motion out, see :mod:`~mmaction_mer.motion.steady`.
        output: ``'motion'`` adds ``results['motion']`` ``(T, H, W, C)`` float32;
            ``'imgs'`` replaces the frames by the magnified video (uint8), for
            recognizers that know nothing of motion.
        fps: Frame rate in Hz for pipelines that carry none.
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
        steady: bool = False,
        output: str = 'motion',
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
            steady=steady,
        )
        self.cutoff_wavelength = cutoff_wavelength
        self.output = output
        self.fps = fps
        self._notice = BandNotice(low, high)

    def transform(self, results: dict) -> dict:
        """Magnify ``results['imgs']``, each clip of it by itself."""
        fps = self.fps if self.fps is not None else frame_rate(results)
        self._notice(fps, results.get('dataset', 'this dataset'), _name(results))
        video = self.output == 'imgs'
        if self.cutoff_wavelength is None:
            parts = [
                magnify(clip, fps, as_video=video, **self.filter)
                for clip in _clips(results)
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
                for clip in _clips(results)
            ]
            if video:
                parts = [to_video(part) for part in parts]
        if video:
            results['imgs'] = [frame for part in parts for frame in part]
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
        steady: Take the head's own motion out, see :mod:`~mmaction_mer.motion.steady`.
        output: ``'rank_image'`` adds ``results['rank_image']`` ``(H, W, C)`` float32
            in ``[0, 255]``; ``'imgs'`` replaces each clip by its image (uint8).
    """

    def __init__(self, steady: bool = False, output: str = 'rank_image') -> None:
        if output not in ('rank_image', 'imgs'):
            raise ValueError(f"output is 'rank_image' or 'imgs', got {output!r}")
        self.steady = steady
        self.output = output

    def transform(self, results: dict) -> dict:
        """Pool ``results['imgs']``, each clip of it by itself."""
        images = [rank_pool(clip, self.steady) for clip in _clips(results)]
        if self.output == 'imgs':
            results['imgs'] = [to_video(image) for image in images]
            results['clip_len'] = 1
            return results
        if len(images) != 1:
            raise ValueError(
                f'clip {_name(results)}: {len(images)} clips sampled, but '
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
        meta_keys: What is kept in the data sample's metainfo.

    Raises:
        ValueError: Only one of the two streams is there, or a flip or crop came
            between them, so that they no longer show the same face.
    """

    def __init__(self, meta_keys: tuple[str, ...] = _META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Return ``dict(inputs=..., data_samples=ActionDataSample)``."""
        sample = ActionDataSample()
        if 'label' in results:
            sample.set_gt_label(results['label'])
        sample.set_metainfo({k: results[k] for k in self.meta_keys if k in results})
        return dict(inputs=self._inputs(results), data_samples=sample)

    def _inputs(self, results: dict) -> dict[str, torch.Tensor]:
        streams = [key for key in ('motion', 'rank_image') if key in results]
        if not streams:
            return dict(clip=_channels_first(np.stack(results['imgs'])))
        if len(streams) == 1:
            raise ValueError(
                f'clip {_name(results)}: {streams[0]} without the other stream; use '
                'EulerianMagnification and RankPooling together, or neither'
            )
        now = _geometry(results)
        for key in ('motion_geometry', 'rank_geometry'):
            if results[key] != now:
                raise ValueError(
                    f'clip {_name(results)}: flipped, cropped or resized after '
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


def _geometry(results: dict) -> dict:
    geometry = {}
    for key in _GEOMETRY:
        value = results.get(key)
        geometry[key] = None if value is None else np.asarray(value).tolist()
    return geometry


def _name(results: dict) -> str:
    for key in ('clip', 'frame_dir', 'filename'):
        if key in results:
            return str(results[key])
    return '(unnamed)'
