"""The motion front end on the device, then normalisation."""

from collections.abc import Sequence

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..datasets.annotation import MERDataError
from ..motion.front_end import front_end_matrices, motion_front_end
from ..motion.transforms import BandNotice


@MODELS.register_module()
class MERDataPreprocessor(BaseDataPreprocessor):
    """Turns clips into rank-pooled images and magnified motion, normalised.

    Inputs come from :class:`PackMERInputs`: either ``clip (T, 3, H, W)`` uint8, of
    which both streams are computed here in one batched product, or ``image`` and
    ``motion`` that the pipeline has computed already.

    Args:
        mean: Mean of the ViT's images, RGB, in grey levels.
        std: Deviation of the ViT's images, RGB, in grey levels.
        motion_std: What magnified motion is divided by, in grey levels. Its mean is
            left at zero: no motion is zero.
        alpha: Gain of the magnification (MPT, Eq. 6).
        low: Lower edge of the pass band in Hz.
        high: Upper edge of the pass band in Hz.
        order: Order of the Butterworth filter.
        kind: See :func:`~mmaction_mer.motion.temporal.bandpass_matrix`.
        steady: Take the head's own motion out of both streams, see
            :mod:`~mmaction_mer.motion.steady`; ``False`` is the paper's form.
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
        steady: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), False)
        self.motion_std = motion_std
        self.alpha = alpha
        self.steady = steady
        self.band = dict(low=low, high=high, order=order, kind=kind)
        self._notice = BandNotice(low, high)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Return ``inputs=dict(image (B, 3, H, W), motion (B, T, 3, H, W))``."""
        data = self.cast_data(data)
        inputs, samples = data['inputs'], data.get('data_samples')
        if 'clip' in inputs:
            image, motion = self._front_end(_batch(inputs['clip'], samples), samples)
        else:
            image, motion = (
                _batch(inputs[key], samples) for key in ('image', 'motion')
            )
            motion = motion / self.motion_std
        inputs = dict(image=(image - self.mean) / self.std, motion=motion)
        return dict(inputs=inputs, data_samples=samples)

    def _front_end(self, clips: Tensor, samples: list) -> tuple[Tensor, Tensor]:
        rates = []
        for sample in samples or []:
            if 'fps' not in sample:
                raise MERDataError(
                    f'clip {sample.get("clip", "(unnamed)")}: no fps in the data '
                    'sample; the pass band is in Hz, so keep fps in the meta_keys of '
                    'PackMERInputs'
                )
            names = (
                sample.get('dataset', 'this dataset'),
                sample.get('clip', '(unnamed)'),
            )
            self._notice(sample.fps, *names)
            rates.append(float(sample.fps))
        if len(rates) != len(clips):
            raise ValueError(f'{len(clips)} clips came with {len(rates)} frame rates')
        matrices = front_end_matrices(clips.shape[1], rates, **self.band)
        # One gain for both, rather than another pass over the largest tensor.
        gain = self.alpha / self.motion_std
        return motion_front_end(clips, matrices.to(clips.device), gain, self.steady)


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
                f'{tuple(tensor.shape)}; add StandardizeLength and Resize to the '
                'pipeline'
            )
    return torch.stack(list(tensors))
