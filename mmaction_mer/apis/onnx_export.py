"""Export a trained recognizer as an ONNX file, from frames to probabilities.

The file runs without mmaction and torch. It contains the whole model including the
front end: rank pooling, magnification, removal of head motion, and crop. Preprocessing
before that (face alignment, number and size of frames) is not included, but described
in the metadata of the file.
"""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..models.recognizers.miac import MIACRecognizer
from ..models.recognizers.mpt import MPTRecognizer
from ..motion.front_end import front_end_matrices
from ..motion.temporal import clamp_band
from ..utils.errors import MERRunError
from ..utils.files import atomic_write
from ..version import __version__

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

# Limit of protobuf for one file.
_MAX_BYTES = (2 << 30) - 1
# Clips in the traced batch; torch.export would specialize a dimension of size one.
_TRACED = 2


class ClipClassifier(nn.Module):
    """Compute the probabilities of clips by an :class:`MPTRecognizer`.

    Args:
        recognizer: The trained recognizer.
        matrix: Front end ``(T + 1, T)`` for the frame rate of all clips. Defaults to
            None: each clip comes with its own.

    Example:
        >>> from mmaction.registry import MODELS
        >>> from mmengine.registry import init_default_scope
        >>> init_default_scope('mmaction')
        >>> tiny = dict(
        ...     embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
        >>> model = MODELS.build(dict(
        ...     type='MPTRecognizer',
        ...     backbone=dict(
        ...         type='MPTViT',
        ...         vit=dict(
        ...             type='mmpretrain.VisionTransformer', arch=tiny, img_size=64),
        ...         prompt=dict(type='MotionPrompt')),
        ...     cls_head=dict(type='TimeSformerHead', num_classes=3, in_channels=32)))
        >>> classify = ClipClassifier(model.eval(), front_end_matrices(16, [50.0])[0])
        >>> clip = torch.zeros(2, 16, 3, 64, 64, dtype=torch.uint8)
        >>> classify(clip).sum(1).round(decimals=4).tolist()
        [1.0, 1.0]
    """

    def __init__(self, recognizer: MPTRecognizer, matrix: Tensor | None = None) -> None:
        super().__init__()
        self.recognizer = recognizer
        self.register_buffer('matrix', matrix, persistent=False)

    def forward(self, clip: Tensor, matrices: Tensor | None = None) -> Tensor:
        """Return probabilities ``(B, C)``.

        Args:
            clip: ``(B, T, 3, H, W)`` uint8, RGB, as packed by the test pipeline.
            matrices: ``(B, T + 1, T)`` from ``front_end_matrices``. Defaults to
                ``matrix`` for all clips.
        """
        if self.matrix is not None:
            matrices = self.matrix.expand(clip.shape[0], -1, -1)
        pre = self.recognizer.data_preprocessor
        streams = _center_crop(pre.streams(clip, matrices), pre.augmentation.crop)
        image = (streams[:, -1] - pre.mean) / pre.std
        return _probabilities(self.recognizer, image=image, motion=streams[:, :-1])


class KeyFrameClassifier(nn.Module):
    """Compute the probabilities of key frames by a :class:`MIACRecognizer`.

    Args:
        recognizer: The trained recognizer.
    """

    def __init__(self, recognizer: MIACRecognizer) -> None:
        super().__init__()
        self.recognizer = recognizer

    def forward(self, frames: Tensor) -> Tensor:
        """Return probabilities ``(B, C)``.

        Args:
            frames: ``(B, F, 3, H, W)`` uint8, RGB: the frames in
                ``data_preprocessor.frames`` of the recognizer, in that order.
        """
        pre = self.recognizer.data_preprocessor
        frames = _center_crop(frames.float(), pre.augmentation.crop)
        return _probabilities(self.recognizer, frames=(frames - pre.mean) / pre.std)


def export_onnx(
    recognizer: nn.Module,
    path: str | Path,
    pipeline: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    fps: float | None = None,
    opset: int = 18,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a recognizer as an ONNX file.

    Args:
        recognizer: A trained :class:`MPTRecognizer` or :class:`MIACRecognizer`; it is
            moved to the CPU and set to eval mode.
        path: File to write.
        pipeline: Its test pipeline, which determines the shape of clips.
        classes: Names of the classes.
        fps: Frame rate in Hz of all clips, after they were resampled to T frames.
            Defaults to None, which adds a second input, ``matrices``. Without effect
            for models without motion.
        opset: Version of the ONNX operators. Defaults to 18.
        metadata: More entries for the metadata. Defaults to None.

    Returns:
        The path.

    Raises:
        MERRunError: The recognizer is of another class, the pipeline does not
            determine the shape of clips, the frame rate is too low for the pass band,
            or the file would be too large.
    """
    if not isinstance(recognizer, MPTRecognizer | MIACRecognizer):
        raise MERRunError(
            f'{type(recognizer).__name__} cannot be exported, only MPTRecognizer and '
            f'MIACRecognizer'
        )
    length, height, width = clip_shape(pipeline)
    recognizer = recognizer.cpu().eval()
    entries = dict(classes=list(classes), pipeline=list(pipeline), **(metadata or {}))
    pre = recognizer.data_preprocessor
    if isinstance(recognizer, MIACRecognizer):
        module: nn.Module = KeyFrameClassifier(recognizer)
        inputs = dict(frames=(len(pre.frames), 3, height, width))
        entries['frames'] = pre.frames
    else:
        inputs = dict(clip=(length, 3, height, width))
        band = dict(pre.band)
        if not _uses_motion(recognizer):
            fps = None
            matrix = front_end_matrices(length, [4 * band['high']], **band)[0]
        elif fps is None:
            matrix = None
            inputs['matrices'] = (length + 1, length)
        else:
            matrix = front_end_matrices(length, [_check_fps(fps, band)], **band)[0]
        module = ClipClassifier(recognizer, matrix)
        entries.update(
            fps=fps, alpha=pre.alpha, remove_head_motion=pre.remove_head_motion, **band
        )
    program = _trace(module, inputs, opset)
    return _write(program, path, {'mmaction_mer': __version__, **entries})


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of an ONNX file: ``classes``, ``pipeline``, ``fps``, ...

    Args:
        path: A file of :func:`export_onnx`.

    Returns:
        The metadata; ``pipeline`` can be passed to ``mmengine.dataset.Compose``.

    Raises:
        MERRunError: The file was not written by :func:`export_onnx`.
    """
    import onnx

    content = onnx.load(path, load_external_data=False).metadata_props
    entries = {one.key: one.value for one in content}
    if 'mmaction_mer' not in entries:
        raise MERRunError('was not written by tools/export_onnx.py', path=path)
    metadata = {key: json.loads(value) for key, value in entries.items()}
    # JSON has only lists, but mmaction's transforms need tuples.
    metadata['pipeline'] = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in step.items()}
        for step in metadata['pipeline']
    ]
    return metadata


def clip_shape(pipeline: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Return number of frames, height and width of the clips of a test pipeline.

    Args:
        pipeline: Steps of the pipeline.

    Raises:
        MERRunError: The steps do not determine them, or do not pack frames.

    >>> clip_shape([
    ...     dict(type='StandardizeLength', length=16),
    ...     dict(type='Resize', scale=(119, 112), keep_ratio=False),
    ...     dict(type='PackMERInputs')])
    (16, 112, 119)
    """
    length = size = None
    for step in pipeline:
        kind = step['type']
        if kind in ('EulerianMagnification', 'RankPooling'):
            raise MERRunError(
                f'the test pipeline computes the motion ({kind})',
                hint='leave it to model.data_preprocessor',
            )
        if kind in ('StandardizeLength', 'LoadMERFrames'):
            length = step.get('length') or step.get('max_frames') or length
        if kind == 'Resize':
            scale = step['scale']
            size = None if step.get('keep_ratio', True) else tuple(scale)
        if kind == 'CenterCrop':
            crop = step['crop_size']
            size = (crop, crop) if isinstance(crop, int) else tuple(crop)
    if length is None or size is None or pipeline[-1]['type'] != 'PackMERInputs':
        raise MERRunError(
            'the test pipeline does not determine the shape of clips',
            hint='it needs StandardizeLength, then Resize with keep_ratio=False or '
            'CenterCrop, and PackMERInputs at the end',
        )
    return length, size[1], size[0]


def _uses_motion(recognizer: MPTRecognizer) -> bool:
    prompt = recognizer.backbone.prompt
    return prompt is not None and prompt.needs_motion


def _check_fps(fps: float, band: Mapping[str, Any]) -> float:
    try:
        clamp_band(fps, band['low'], band['high'])
    except ValueError as error:
        raise MERRunError(str(error), field='fps') from error
    return float(fps)


def _center_crop(images: Tensor, crop: int | None) -> Tensor:
    """Crop ``(..., H, W)`` as ``Augmentation.middle`` does, with constant offsets."""
    if crop is None:
        return images
    height, width = images.shape[-2:]
    top, left = (min((room + 1) // 2, room) for room in (height - crop, width - crop))
    return images[..., top : top + crop, left : left + crop]


def _probabilities(recognizer: nn.Module, **inputs: Tensor) -> Tensor:
    logits, _ = recognizer.extract_feat(inputs, stage='head')
    return logits.softmax(dim=1)


def _trace(
    module: nn.Module, inputs: Mapping[str, tuple[int, ...]], opset: int
) -> 'ONNXProgram':
    """Trace a module with a dynamic batch size."""
    batch = torch.export.Dim('batch')
    examples = {
        name: torch.zeros(
            _TRACED, *shape, dtype=torch.float32 if name == 'matrices' else torch.uint8
        )
        for name, shape in inputs.items()
    }
    with torch.no_grad(), _quiet_export():
        exported = torch.export.export(
            module,
            (),
            examples,
            dynamic_shapes={name: {0: batch} for name in inputs},
        )
        exported = exported.run_decompositions(
            {torch.ops.aten.linalg_solve.default: _solve}
        )
        return torch.onnx.export(
            exported,
            input_names=list(inputs),
            dynamic_shapes={name: {0: 'batch'} for name in inputs},
            output_names=['probabilities'],
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )


def _solve(matrix: Tensor, right: Tensor, *, left: bool = True) -> Tensor:
    """Solve linear equations by elimination: ONNX has no operator for it.

    No pivoting is needed, since the matrix is symmetric and positive definite: it is
    the Gram matrix of ``head_motion.fit_columns``.
    """
    assert left
    size = matrix.shape[-1]
    joined = torch.cat([matrix, right], dim=-1)
    one = torch.eye(size, dtype=matrix.dtype)
    for k in range(size):
        row = joined[:, k : k + 1] / joined[:, k : k + 1, k : k + 1]
        joined = joined - (joined[:, :, k : k + 1] - one[:, k : k + 1]) * row
    return joined[..., size:]


def _write(
    program: 'ONNXProgram', path: str | Path, metadata: Mapping[str, Any]
) -> Path:
    """Check the graph and write it with its metadata to one file."""
    import onnx

    proto = program.model_proto
    if proto.ByteSize() > _MAX_BYTES:
        raise MERRunError(
            f'the model takes {proto.ByteSize() / 1e9:.1f} GB, but an ONNX file is '
            f'limited to 2 GB',
            path=path,
        )
    onnx.helper.set_model_props(
        proto, {key: json.dumps(value) for key, value in metadata.items()}
    )
    onnx.checker.check_model(proto, full_check=True)
    return atomic_write(path, proto.SerializeToString())


@contextmanager
def _quiet_export():
    """Suppress log lines and warnings of the exporter."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)
