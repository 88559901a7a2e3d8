"""From frames of an aligned face to what a model is given, and back to the face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from torch import nn

from ..datasets.images.frame_folder import sample_positions, sampled_fps
from ..utils.errors import MERDataError, MERRunError

#: Transforms that decide which part of the frame a model sees.
GEOMETRY = ('CenterCrop', 'Resize')


def clip_results(
    frames: np.ndarray, fps: float, max_frames: int | None, name: str
) -> dict[str, Any]:
    """Return what ``LoadMERFrames`` gives, of frames that are there already.

    Args:
        frames: ``(N, H, W, 3)`` uint8 RGB, two or more.
        fps: Their rate in Hz.
        max_frames: Longer clips are sampled down to so many frames; None keeps all.
        name: Of the clip, for messages.

    Returns:
        A results dict without ``dataset`` and ``label``, which the caller knows.

    Raises:
        MERDataError: There are fewer than two frames.
    """
    total = len(frames)
    if total < 2:
        raise MERDataError(
            f'{name}: {total} frame(s), but a movement needs two or more: give a '
            f'video or a folder of frames, not a single picture'
        )
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


class Packer:
    """A test pipeline that is given its frames rather than reading them.

    Args:
        pipeline: Config of the pipeline; its first transform reads the frames.
        dataset: Name of the data set, for what the transforms say.

    Raises:
        MERRunError: It does not begin with ``LoadMERFrames``.
    """

    def __init__(self, pipeline: Sequence[dict[str, Any]], dataset: str) -> None:
        first, *rest = pipeline
        if first.get('type') != 'LoadMERFrames':
            raise MERRunError(
                f'the pipeline of the test begins with {first.get("type")}, not '
                f'LoadMERFrames: what it does to frames is not known here'
            )
        self.max_frames = first.get('max_frames', 16)
        self.dataset = dataset
        self._shape = [step for step in rest if step['type'] in GEOMETRY]
        with DefaultScope.overwrite_default_scope('mmaction'):
            self._rest = Compose(list(rest))
            self._geometry = Compose(self._shape)

    def __call__(
        self, frames: np.ndarray, fps: float, apex: float | None, name: str
    ) -> dict[str, Any]:
        """Pack a clip.

        Args:
            frames: ``(N, H, W, 3)`` uint8 RGB, two or more.
            fps: Their rate in Hz.
            apex: Its place among them, need not be whole; None if it is not known.
            name: For messages.

        Returns:
            What the pipeline gives: ``inputs`` and ``data_samples``.

        Raises:
            MERDataError: A transform refuses the clip.
        """
        results = dict(
            clip_results(frames, fps, self.max_frames, name),
            dataset=self.dataset,
            apex=None if apex is None else round(apex),
            label=0,
        )
        try:
            return self._rest(results)
        except ValueError as error:
            if isinstance(error, MERDataError):
                raise
            raise MERDataError(f'{name}: {error}') from error

    def seen(
        self, packed: dict[str, Any], model: nn.Module
    ) -> tuple[np.ndarray, float] | None:
        """The frames of a packed clip that a model sees, and their rate.

        Args:
            packed: What :meth:`__call__` gave.
            model: A recognizer with this package's data preprocessor.

        Returns:
            ``(T, H, W, 3)`` uint8 and Hz; None where a pipeline packs no frames.
        """
        clip = packed['inputs'].get('clip')
        augmentation = getattr(model.data_preprocessor, 'augmentation', None)
        if clip is None or augmentation is None:
            return None
        cropped = augmentation(clip[None], augmentation.middle(1))[0]
        fps = float(packed['data_samples'].fps)
        return cropped.permute(0, 2, 3, 1).contiguous().numpy(), fps

    def view(self, model: nn.Module, size: int) -> np.ndarray:
        """Where a model's pixels lie in the frames that it is given.

        Args:
            model: A recognizer with this package's data preprocessor.
            size: Side of the square frames in pixels.

        Returns:
            ``(2, 3)``: from ``(x, y, 1)`` in the model's picture to the frame.
        """
        axis = np.arange(size, dtype=np.float32)
        ramps = np.stack([*np.meshgrid(axis, axis), np.zeros((size, size))], axis=2)
        frame = ramps.astype(np.float32)
        seen = self._geometry(dict(imgs=[frame], img_shape=frame.shape[:2]))['imgs'][0]
        picture = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None]
        augmentation = getattr(model.data_preprocessor, 'augmentation', None)
        if augmentation is not None:
            picture = augmentation(picture, augmentation.middle(1))
        x, y = picture[0, :2].numpy()
        rows, columns = x.shape
        # A crop and a scale: from the middle half, where no border was repeated.
        near, far = (rows // 4, columns // 4), (3 * rows // 4, 3 * columns // 4)
        step_x = (x[near[0], far[1]] - x[near[0], near[1]]) / (far[1] - near[1])
        step_y = (y[far[0], near[1]] - y[near[0], near[1]]) / (far[0] - near[0])
        left = x[near] - step_x * near[1]
        top = y[near] - step_y * near[0]
        return np.array([[step_x, 0, left], [0, step_y, top]], np.float64)
