"""Run the test pipeline of a model on the frames of an aligned face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from torch import nn

from ..datasets.images.frame_folder import sample_positions, sampled_fps
from ..utils.errors import MERDataError, MERRunError

#: Transforms that determine which part of the frame a model sees.
_GEOMETRY = ('CenterCrop', 'Resize')


def clip_results(
    frames: np.ndarray, fps: float, max_frames: int | None, name: str
) -> dict[str, Any]:
    """Build the results dict of ``LoadMERFrames`` for frames in memory.

    Args:
        frames: ``(N, H, W, 3)`` uint8 RGB, two or more.
        fps: Their rate in Hz.
        max_frames: Number of frames that longer clips are sampled to; None keeps all.
        name: Name of the clip.

    Returns:
        A results dict without ``dataset`` and ``label``.
    """
    total = len(frames)
    positions = sample_positions(total, max_frames)
    images = [frames[position] for position in positions]
    return dict(
        subject='unknown',
        clip=name,
        emotion='',
        imgs=images,
        frame_inds=positions,
        fps=sampled_fps(fps, total, len(positions)),
        frame_step=(total - 1) / (len(positions) - 1),
        total_frames=total,
        onset=0,
        apex=None,
        offset=total - 1,
        clip_len=len(images),
        num_clips=1,
        original_shape=images[0].shape[:2],
        img_shape=images[0].shape[:2],
        modality='RGB',
    )


class ClipPipeline:
    """A test pipeline that takes frames instead of loading them.

    Args:
        pipeline: Config of the pipeline; its first transform loads the frames.
        dataset: Name of the dataset, for messages of the transforms.

    Raises:
        MERRunError: The first transform is not ``LoadMERFrames``.
    """

    def __init__(self, pipeline: Sequence[dict[str, Any]], dataset: str) -> None:
        first, *rest = pipeline
        if first.get('type') != 'LoadMERFrames':
            raise MERRunError(
                f'begins with {first.get("type")} instead of LoadMERFrames: its effect '
                f'on frames is not known',
                field='test_pipeline',
            )
        self.max_frames = first.get('max_frames', 16)
        self.dataset = dataset
        with DefaultScope.overwrite_default_scope('mmaction'):
            self._rest = Compose(list(rest))
            self._geometry = Compose(
                [step for step in rest if step['type'] in _GEOMETRY]
            )

    def __call__(
        self, frames: np.ndarray, fps: float, apex: float | None, name: str
    ) -> dict[str, Any]:
        """Pack a clip.

        Args:
            frames: ``(N, H, W, 3)`` uint8 RGB, two or more.
            fps: Their rate in Hz.
            apex: Index of the apex frame, not necessarily an integer; None if unknown.
            name: Name of the clip, for messages.

        Returns:
            Result of the pipeline: ``inputs`` and ``data_samples``.

        Raises:
            MERDataError: A transform rejects the clip.
        """
        results = dict(
            clip_results(frames, fps, self.max_frames, name),
            dataset=self.dataset,
            apex=None if apex is None else round(apex),
            label=0,
        )
        try:
            return self._rest(results)
        except MERDataError:
            raise
        except ValueError as error:
            raise MERDataError(str(error), path=name) from error

    def model_frames(
        self, packed: dict[str, Any], model: nn.Module
    ) -> tuple[np.ndarray, float] | None:
        """Return the frames of a packed clip that a model sees, and their rate.

        Args:
            packed: Result of :meth:`__call__`.
            model: A recognizer with a data preprocessor of this package.

        Returns:
            ``(T, H, W, 3)`` uint8 and Hz; None if the pipeline packs no frames.
        """
        clip = packed['inputs'].get('clip')
        augmentation = getattr(model.data_preprocessor, 'augmentation', None)
        if clip is None or augmentation is None:
            return None
        cropped = augmentation(clip[None], augmentation.middle(1))[0]
        fps = float(packed['data_samples'].fps)
        return cropped.permute(0, 2, 3, 1).contiguous().numpy(), fps

    def model_to_frame(self, model: nn.Module, size: int) -> np.ndarray:
        """Compute the map from a model's pixels to the frames that go in.

        Args:
            model: A recognizer with a data preprocessor of this package.
            size: Side of the square frames in pixels.

        Returns:
            ``(2, 3)`` from ``(x, y, 1)`` in the model's image to the frame.
        """
        # The transforms are applied to an image that holds its own coordinates.
        axis = np.arange(size, dtype=np.float32)
        frame = np.stack(
            [*np.meshgrid(axis, axis), np.zeros((size, size), np.float32)], axis=2
        )
        seen = self._geometry(dict(imgs=[frame], img_shape=frame.shape[:2]))['imgs'][0]
        image = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None]
        augmentation = getattr(model.data_preprocessor, 'augmentation', None)
        if augmentation is not None:
            image = augmentation(image, augmentation.middle(1))
        x, y = image[0, :2].numpy()
        rows, columns = x.shape
        # Crop and scale are read off the middle half, which no border affects.
        near, far = (rows // 4, columns // 4), (3 * rows // 4, 3 * columns // 4)
        step_x = (x[near[0], far[1]] - x[near[0], near[1]]) / (far[1] - near[1])
        step_y = (y[far[0], near[1]] - y[near[0], near[1]]) / (far[0] - near[0])
        left = x[near] - step_x * near[1]
        top = y[near] - step_y * near[0]
        return np.array([[step_x, 0, left], [0, step_y, top]], np.float64)
