"""Onset, apex and offset out of a clip, on the device, then normalisation."""

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
    """Picks frames out of clips ``(T, 3, H, W)`` uint8, crops, flips and normalises.

    Like the front end of MPT it is one small matrix times the clip: a row per frame,
    with a one where that frame is. Of a clip that was sampled or standardised to T
    frames, the one nearest to the apex is taken.

    Args:
        frames: Which, in order: of ``'onset'``, ``'apex'`` and ``'offset'``.
        mean: What is subtracted, per colour, in grey levels.
        std: What is divided by, per colour, in grey levels.
        missing_apex: ``'middle'`` takes the middle of a clip whose apex is not known
            (SMIC has none); ``'refuse'`` says which clip.
        augmentation: As in :class:`MERDataPreprocessor`.
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
                f'frames are two or three of {", ".join(FRAMES)}, in this order, got '
                f'{self.frames}'
            )
        if missing_apex not in ('refuse', 'middle'):
            raise ValueError(
                f"missing_apex is 'refuse' or 'middle', got {missing_apex!r}"
            )
        self.missing_apex = missing_apex

    @classmethod
    def clip_limits(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """As in the parent: nothing is filtered, but an apex may be needed."""
        refused = config.get('missing_apex', 'refuse') == 'refuse'
        return dict(apex=refused and 'apex' in config.get('frames', FRAMES))

    def matrices(self, length: int, samples: Sequence) -> Tensor:
        """Which frames are picked, ``(B, F, T)``, on the CPU.

        Args:
            length: Frames T.
            samples: The clips' data samples, with ``onset``, ``apex`` and ``offset``.

        Raises:
            MERDataError: An apex is asked for and not known; the clip is named.
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
                    f'clip {sample.get("clip", "(unnamed)")}, apex: not known; set '
                    "model.data_preprocessor.missing_apex='middle' to take the middle "
                    'of such clips'
                )
            return (length - 1) // 2
        share = (apex - sample.onset) / (sample.offset - sample.onset)
        # Half goes up, as where frames are sampled.
        return int(share * (length - 1) + 0.5)

    def streams(self, clips: Tensor, matrices: Tensor) -> Tensor:
        """The frames ``(B, F, 3, H, W)`` float32 in grey levels.

        Args:
            clips: ``(B, T, 3, H, W)`` uint8.
            matrices: From :meth:`matrices`, on the clips' device.
        """
        rows = torch.arange(len(clips), device=clips.device)[:, None]
        return clips[rows, matrices.argmax(2)].float()

    def inputs(self, streams: Tensor, geometry: CropFlipParams) -> dict[str, Tensor]:
        """Augment and normalise: ``frames (B, F, 3, h, w)``."""
        frames = self.augmentation(streams, geometry)
        return dict(frames=(frames - self.mean) / self.std)
