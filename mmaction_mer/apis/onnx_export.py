"""A trained recognizer as an ONNX file: from frames to probabilities.

The file needs no mmaction and no torch where it runs. All of the model is in it, the
front end too: rank pooling, magnification, the removal of the head's motion, the crop.
What comes before (the face, the number of frames, their size) is not; the file's
metadata say it.
"""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.onnx import ONNXProgram

from ..models.recognizers.miac import MIACRecognizer
from ..models.recognizers.mpt import MPTRecognizer
from ..motion.front_end import front_end_matrices
from ..motion.temporal import clamp_band
from ..utils.errors import MERRunError
from ..utils.files import atomic_write
from ..version import __version__

# protobuf holds so much in one file.
_MOST_BYTES = (2 << 30) - 1
# Clips in the batch that is traced; one alone would be taken for the only number.
_TRACED = 2


class ClipClassifier(nn.Module):
    """An :class:`MPTRecognizer` from clips to probabilities.

    Args:
        recognizer: The recognizer, trained.
        matrix: The front end ``(T + 1, T)`` of the one frame rate that all clips have;
            ``None`` where clips come with their own.

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
        """Probabilities ``(B, C)``.

        Args:
            clip: ``(B, T, 3, H, W)`` uint8, RGB, as the test pipeline packs it.
            matrices: ``(B, T + 1, T)`` from ``front_end_matrices``, unless one matrix
                is for all.
        """
        if self.matrix is not None:
            matrices = self.matrix.expand(clip.shape[0], -1, -1)
        pre = self.recognizer.data_preprocessor
        streams = _middle(pre.streams(clip, matrices), pre.augmentation.crop)
        image = (streams[:, -1] - pre.mean) / pre.std
        return _probabilities(self.recognizer, image=image, motion=streams[:, :-1])


class KeyFrameClassifier(nn.Module):
    """A :class:`MIACRecognizer` from onset, apex and offset to probabilities.

    Args:
        recognizer: The recognizer, trained.
    """

    def __init__(self, recognizer: MIACRecognizer) -> None:
        super().__init__()
        self.recognizer = recognizer

    def forward(self, frames: Tensor) -> Tensor:
        """Probabilities ``(B, C)``.

        Args:
            frames: ``(B, F, 3, H, W)`` uint8, RGB: the frames that the recognizer's
                ``data_preprocessor.frames`` names, in its order.
        """
        pre = self.recognizer.data_preprocessor
        frames = _middle(frames.float(), pre.augmentation.crop)
        return _probabilities(self.recognizer, frames=(frames - pre.mean) / pre.std)


def export_onnx(
    recognizer: nn.Module,
    path: str | Path,
    pipeline: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    fps: float | None = None,
    opset: int = 18,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write a recognizer as an ONNX file.

    Args:
        recognizer: An :class:`MPTRecognizer` or :class:`MIACRecognizer`, trained; it
            is put on the CPU and into eval mode.
        path: Where to.
        pipeline: Its test pipeline, which says the form of the frames.
        classes: Names of the classes.
        fps: Frame rate in Hz of all clips to come, after their number of frames was
            made T. ``None`` gives the file a second input, ``matrices``. Without
            effect where the model sees no motion in time.
        opset: Version of ONNX's operators.
        facts: What the metadata shall say besides.

    Returns:
        The path written.

    Raises:
        MERRunError: The recognizer is of another kind, the pipeline does not say the
            form of the frames, the frame rate holds no pass band, or the file would be
            too large.
    """
    if not isinstance(recognizer, MPTRecognizer | MIACRecognizer):
        raise MERRunError(
            f'{type(recognizer).__name__} is not exported: this is for MPTRecognizer '
            'and MIACRecognizer'
        )
    length, height, width = packed_form(pipeline)
    recognizer = recognizer.cpu().eval()
    told = dict(classes=list(classes), pipeline=list(pipeline), **(facts or {}))
    pre = recognizer.data_preprocessor
    if isinstance(recognizer, MIACRecognizer):
        module: nn.Module = KeyFrameClassifier(recognizer)
        inputs = dict(frames=(len(pre.frames), 3, height, width))
        told['frames'] = pre.frames
    else:
        inputs = dict(clip=(length, 3, height, width))
        band = dict(pre.band)
        if not _sees_motion(recognizer):
            fps = None
            matrix = front_end_matrices(length, [4 * band['high']], **band)[0]
        elif fps is None:
            matrix = None
            inputs['matrices'] = (length + 1, length)
        else:
            matrix = front_end_matrices(length, [_checked(fps, band)], **band)[0]
        module = ClipClassifier(recognizer, matrix)
        told.update(
            fps=fps, alpha=pre.alpha, remove_head_motion=pre.remove_head_motion, **band
        )
    program = _traced(module, inputs, opset)
    return _written(program, path, {'mmaction_mer': __version__, **told})


def read_facts(path: str | Path) -> dict[str, Any]:
    """Read what an ONNX file says of itself: ``classes``, ``pipeline``, ``fps``, ...

    Args:
        path: A file of :func:`export_onnx`.

    Returns:
        The metadata; ``pipeline`` can be given to ``mmengine.dataset.Compose``.

    Raises:
        MERRunError: The file was not written here.
    """
    import onnx

    content = onnx.load(path, load_external_data=False).metadata_props
    facts = {one.key: one.value for one in content}
    if 'mmaction_mer' not in facts:
        raise MERRunError(f'{path}: was not written by tools/export_onnx.py')
    facts = {key: json.loads(value) for key, value in facts.items()}
    # JSON knows lists alone, mmaction's transforms ask for tuples.
    facts['pipeline'] = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in step.items()}
        for step in facts['pipeline']
    ]
    return facts


def packed_form(pipeline: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Frames T, height and width of the clips that a test pipeline packs.

    Args:
        pipeline: Its steps.

    Raises:
        MERRunError: It does not say them, or does not pack frames.

    >>> packed_form([
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
                f'the test pipeline computes the motion itself ({kind}): leave it to '
                'model.data_preprocessor'
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
            'the test pipeline does not say the form of its clips: it needs '
            'StandardizeLength, then Resize with keep_ratio=False or CenterCrop, and '
            'PackMERInputs at the end'
        )
    return length, size[1], size[0]


def _sees_motion(recognizer: MPTRecognizer) -> bool:
    prompt = recognizer.backbone.prompt
    return prompt is not None and prompt.needs_motion


def _checked(fps: float, band: Mapping[str, Any]) -> float:
    try:
        clamp_band(fps, band['low'], band['high'])
    except ValueError as error:
        raise MERRunError(f'fps: {error}') from error
    return float(fps)


def _middle(pictures: Tensor, crop: int | None) -> Tensor:
    """Crop ``(..., H, W)`` as ``Augmentation.middle`` does, by fixed numbers."""
    if crop is None:
        return pictures
    height, width = pictures.shape[-2:]
    top, left = (min((room + 1) // 2, room) for room in (height - crop, width - crop))
    return pictures[..., top : top + crop, left : left + crop]


def _probabilities(recognizer: nn.Module, **inputs: Tensor) -> Tensor:
    logits, _ = recognizer.extract_feat(inputs, stage='head')
    return logits.softmax(dim=1)


def _traced(
    module: nn.Module, inputs: Mapping[str, tuple[int, ...]], opset: int
) -> ONNXProgram:
    """Follow a module through one batch, whose size stays open."""
    batch = torch.export.Dim('batch')
    examples = {
        name: torch.zeros(
            _TRACED, *shape, dtype=torch.float32 if name == 'matrices' else torch.uint8
        )
        for name, shape in inputs.items()
    }
    with torch.no_grad(), _silence():
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
    """Solve by elimination, which ONNX can say; it has no operator for the whole.

    Without pivots, for what is solved here is symmetric and positive definite: the
    Gram matrix of ``head_motion.fit_columns``.
    """
    assert left
    size = matrix.shape[-1]
    joined = torch.cat([matrix, right], dim=-1)
    one = torch.eye(size, dtype=matrix.dtype)
    for k in range(size):
        row = joined[:, k : k + 1] / joined[:, k : k + 1, k : k + 1]
        joined = joined - (joined[:, :, k : k + 1] - one[:, k : k + 1]) * row
    return joined[..., size:]


def _written(program: ONNXProgram, path: str | Path, told: Mapping[str, Any]) -> Path:
    """Check the graph and write it with its metadata into one file."""
    import onnx

    proto = program.model_proto
    if proto.ByteSize() > _MOST_BYTES:
        raise MERRunError(
            f'{path}: the model takes {proto.ByteSize() / 1e9:.1f} GB, and one ONNX '
            'file holds 2 GB'
        )
    onnx.helper.set_model_props(
        proto, {key: json.dumps(value) for key, value in told.items()}
    )
    onnx.checker.check_model(proto, full_check=True)
    return atomic_write(path, proto.SerializeToString())


@contextmanager
def _silence():
    """Leave out what the exporter says of itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)
