"""Selection and normalization of onset, apex and offset frames on the device."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor

from ...utils.errors import MERDataError
from .augmentation import CropFlipParams
from .mer import MERDataPreprocessor

FRAMES = ('onset', 'apex', 'offset')


@MODELS.register_module()
class KeyFramePreprocessor(MERDataPreprocessor):
    """Select frames of clips ``(T, 3, H, W)`` uint8, crop, flip and normalize them.

    As in MPT the selection is a matrix per clip: one row per key frame with a one at
    its index. In a clip of T resampled frames the one nearest to the apex is selected.

    Args:
        frames: Two or three of ``'onset'``, ``'apex'`` and ``'offset'``, in this order.
            Defaults to all.
        mean: Mean per color in grey levels. Defaults to 127.5.
        std: Standard deviation per color in grey levels. Defaults to 127.5.
        missing_apex: ``'middle'`` selects the middle frame if the apex is not known
            (SMIC has none); ``'refuse'`` raises an error. Defaults to ``'refuse'``.
        augmentation: See :class:`MERDataPreprocessor`. Defaults to None.
    """

    def __init__(
        self,
        frames: Sequence[str] = FRAMES,
        mean: Sequence[float] = (127.5, 127.5, 127.5),
        std: Sequence[float] = (127.5, 127.5, 127.5),
        missing_apex: str = 'refuse',
        augmentation: dict | None = None,
    ) -> None:
        super().__init__(mean, std, augmentation=augmentation)
        self.frames = tuple(frames)
        if len(self.frames) < 2 or self.frames != tuple(
            name for name in FRAMES if name in self.frames
        ):
            raise ValueError(
                f'frames must be two or three of {", ".join(FRAMES)} in order, got '
                f'{self.frames}'
            )
        if missing_apex not in ('refuse', 'middle'):
            raise ValueError(
                f"missing_apex must be 'refuse' or 'middle', got {missing_apex!r}"
            )
        self.missing_apex = missing_apex

    @classmethod
    def clip_limits(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the limits of clips: no filter, but an apex may be required."""
        refused = config.get('missing_apex', 'refuse') == 'refuse'
        return dict(apex=refused and 'apex' in config.get('frames', FRAMES))

    def matrices(self, length: int, samples: Sequence) -> Tensor:
        """Return one-hot selections ``(B, F, T)`` on the CPU.

        Args:
            length: Frames T.
            samples: The clips' data samples, with ``onset``, ``apex`` and ``offset``.

        Raises:
            MERDataError: An apex is required and not known.
        """
        picked = [
            [self._place(name, sample, length) for name in self.frames]
            for sample in samples
        ]
        return torch.nn.functional.one_hot(torch.tensor(picked), length).float()

    def _place(self, name: str, sample, length: int) -> int:
        if name != 'apex':
            return 0 if name == 'onset' else length - 1
        apex = sample.get('apex')
        if apex is None:
            if self.missing_apex == 'refuse':
                raise MERDataError(
                    'is not known',
                    clip=sample.get('clip', '(unnamed)'),
                    field='apex',
                    hint="set model.data_preprocessor.missing_apex='middle' to use the "
                    'middle frame of such clips',
                )
            return (length - 1) // 2
        position = (apex - sample.onset) / (sample.offset - sample.onset)
        # Half is rounded up, as in the sampling of frames.
        return int(position * (length - 1) + 0.5)

    def streams(self, clips: Tensor, matrices: Tensor) -> Tensor:
        """Select the frames ``(B, F, 3, H, W)``, float32 in grey levels.

        Args:
            clips: ``(B, T, 3, H, W)`` uint8.
            matrices: From :meth:`matrices`, on the clips' device.
        """
        rows = torch.arange(len(clips), device=clips.device)[:, None]
        return clips[rows, matrices.argmax(2)].float()

    def inputs(self, streams: Tensor, geometry: CropFlipParams) -> dict[str, Tensor]:
        """Augment and normalize: ``frames (B, F, 3, h, w)``."""
        frames = self.augmentation(streams, geometry)
        return dict(frames=(frames - self.mean) / self.std)
