"""The motion front end on the device, augmentation and normalization."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ...datasets.transforms.magnification import PassBandCheck
from ...motion.front_end import front_end_matrices, motion_streams
from ...motion.limits import ClipLimits
from ...utils.errors import MERDataError
from .augmentation import Augmentation, CropFlipParams

_EDGES = ('low', 'high')


@MODELS.register_module()
class MERDataPreprocessor(BaseDataPreprocessor):
    """Compute normalized rank-pooled images and magnified motion of clips.

    Inputs come from :class:`PackMERInputs`: either ``clip (T, 3, H, W)`` uint8,
    from which both streams are computed in one batched product, or ``image`` and
    ``motion`` as computed by the pipeline.

    Args:
        mean: Mean of the images of the ViT, RGB, in grey levels. Defaults to 127.5.
        std: Standard deviation of the images of the ViT, RGB, in grey levels.
            Defaults to 127.5.
        motion_std: Divisor of the magnified motion in grey levels; its mean is zero.
            Defaults to 127.5.
        alpha: Gain of the magnification (MPT, Eq. 6). Defaults to 20.
        low: Lower edge of the pass band in Hz. Defaults to 0.4.
        high: Upper edge of the pass band in Hz. Defaults to 4.
        order: Order of the Butterworth filter. Defaults to 1.
        kind: See :func:`~mmaction_mer.motion.temporal.bandpass_matrix`. Defaults to
            ``'zero-phase'``.
        remove_head_motion: Remove the head's own motion from both streams, see
            :mod:`~mmaction_mer.motion.head_motion`. Defaults to False, as in the
            paper.
        keep_residual: Magnify the low-pass residual of the pyramid, too; ``False``
            drops it, as many implementations do. Defaults to True.
        augmentation: Settings of an :class:`Augmentation` of both streams, such as
            ``dict(flip=0.5)``, random in training and centered otherwise. Defaults to
            None.
    """

    def __init__(
        self,
        mean: Sequence[float] = (127.5, 127.5, 127.5),
        std: Sequence[float] = (127.5, 127.5, 127.5),
        motion_std: float = 127.5,
        alpha: float = 20.0,
        low: float = 0.4,
        high: float = 4.0,
        order: int = 1,
        kind: str = 'zero-phase',
        remove_head_motion: bool = False,
        keep_residual: bool = True,
        augmentation: dict | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), False)
        self.motion_std = motion_std
        self.alpha = alpha
        self.remove_head_motion = remove_head_motion
        self.keep_residual = keep_residual
        self.augmentation = Augmentation(**(augmentation or {}))
        self.band = dict(low=low, high=high, order=order, kind=kind)
        self._notice = PassBandCheck(low, high)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Return ``inputs=dict(image (B, 3, H, W), motion (B, T, 3, H, W))``."""
        data = self.cast_data(data)
        inputs, samples = data['inputs'], data.get('data_samples')
        if 'clip' in inputs:
            clips = _batch(inputs['clip'], samples)
            matrices = self.matrices(clips.shape[1], samples or []).to(clips.device)
            if len(clips) != len(matrices):
                raise ValueError(
                    f'{len(clips)} clips came with {len(matrices)} frame rates'
                )
            streams = self.streams(clips, matrices)
        else:
            image, motion = (
                _batch(inputs[key], samples) for key in ('image', 'motion')
            )
            streams = torch.cat([motion / self.motion_std, image[:, None]], dim=1)
        draw = self.augmentation.draw if training else self.augmentation.middle
        inputs = self.inputs(streams, draw(len(streams)))
        return dict(inputs=inputs, data_samples=samples)

    @classmethod
    def clip_limits(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the limits that a preprocessor of this config sets for clips.

        Args:
            config: Its config.

        Returns:
            Fields of :class:`~mmaction_mer.motion.limits.ClipLimits`.
        """
        return {edge: config.get(edge, getattr(ClipLimits, edge)) for edge in _EDGES}

    def matrices(self, length: int, samples: Sequence) -> Tensor:
        """Return the front end of clips as matrices ``(B, T + 1, T)`` on the CPU.

        Args:
            length: Frames T.
            samples: The clips' data samples, with their ``fps``.

        Raises:
            MERDataError: A sample has no frame rate, or one too low for the band.
        """
        rates = []
        for sample in samples:
            if 'fps' not in sample:
                raise MERDataError(
                    'is missing in the data sample, and the pass band is in Hz',
                    clip=sample.get('clip', '(unnamed)'),
                    field='fps',
                    hint='keep fps in the meta_keys of PackMERInputs; if the reader of '
                    'the pipeline gives none (of mmaction only DecordInit does), set '
                    'PackMERInputs fps=..., the frame rate of the recording',
                )
            names = (
                sample.get('dataset', 'this dataset'),
                sample.get('clip', '(unnamed)'),
            )
            self._notice(sample.fps, *names)
            rates.append(float(sample.fps))
        return front_end_matrices(length, rates, **self.band)

    def streams(self, clips: Tensor, matrices: Tensor) -> Tensor:
        """Compute magnified motion and rank-pooled images, without augmentation.

        Args:
            clips: Frames ``(B, T, 3, H, W)``, uint8.
            matrices: From :meth:`matrices`, on the clips' device.

        Returns:
            ``(B, T + 1, 3, H, W)`` float32: T frames of motion over ``motion_std``,
            then the image in grey levels.
        """
        # One gain for both instead of another pass over the largest tensor.
        gain = self.alpha / self.motion_std
        # Half precision would round a face by as much as it moves.
        with torch.autocast(clips.device.type, enabled=False):
            return motion_streams(
                clips, matrices, gain, self.remove_head_motion, self.keep_residual
            )

    def inputs(self, streams: Tensor, geometry: CropFlipParams) -> dict[str, Tensor]:
        """Augment both streams and normalize the image.

        Args:
            streams: From :meth:`streams`.
            geometry: Of the B clips, see :class:`Augmentation`.
        """
        streams = self.augmentation(streams, geometry)
        image = (streams[:, -1] - self.mean) / self.std
        return dict(image=image, motion=streams[:, :-1])


def _batch(tensors: Tensor | Sequence[Tensor], samples: list | None) -> Tensor:
    if isinstance(tensors, Tensor):
        return tensors
    names = [sample.get('clip', '(unnamed)') for sample in samples or []]
    first = tuple(tensors[0].shape)
    for index, tensor in enumerate(tensors):
        if tuple(tensor.shape) != first:
            pair = f'{names[0]} and {names[index]}: ' if names else ''
            raise MERDataError(
                f'{pair}clips of one batch differ in shape, {first} and '
                f'{tuple(tensor.shape)}',
                hint='add StandardizeLength and Resize to the pipeline',
            )
    return torch.stack(list(tensors))
