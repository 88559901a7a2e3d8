"""Pipelines of a data set, built from names whatever scope the process is in."""

from collections.abc import Callable, Sequence

from mmaction.datasets import transforms as host
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from ..utils.errors import MERDataError

# What mmaction reads files with: by numbers of a whole file, not of a clip within it.
_READERS = (
    host.SampleFrames,
    host.UniformSample,
    host.UniformSampleFrames,
    host.UntrimmedSampleFrames,
    host.RawFrameDecode,
    host.DecordInit,
    host.DecordDecode,
    host.OpenCVInit,
    host.OpenCVDecode,
    host.PIMSInit,
    host.PIMSDecode,
    host.PyAVInit,
    host.PyAVDecode,
    host.ImageDecode,
    host.ArrayDecode,
)


def build_transforms(pipeline: Sequence[dict | Callable]) -> list[Callable]:
    """Build the transforms of a pipeline.

    A name without a prefix is one of mmaction's registry, which holds the transforms of
    this package, and those of mmcv behind it. So it is without a default scope and in
    the scope of any other library, whose own transforms are named with their prefix,
    such as ``mmpretrain.RandomCrop``.

    Args:
        pipeline: Configs of transforms, or transforms.

    Returns:
        The transforms, in order.

    Example:
        >>> build_transforms([dict(type='Flip', flip_ratio=0.5)])[0].flip_ratio
        0.5
    """
    with DefaultScope.overwrite_default_scope('mmaction'):
        return list(Compose(list(pipeline)).transforms)


def check_readers(transforms: Sequence[Callable], source: str) -> None:
    """Refuse the samplers and decoders of mmaction behind an annotation of clips.

    They count from the start of a file and know no onset, and ``RawFrameDecode`` adds
    the row's ``offset``, here the number of the last frame, to each number.

    Args:
        transforms: Built transforms.
        source: The annotation file, for the message.

    Raises:
        MERDataError: One of them is in the pipeline.
    """
    for transform in transforms:
        if isinstance(transform, _READERS):
            raise MERDataError(
                f'{source}: the pipeline holds {type(transform).__name__} of mmaction, '
                f'which counts frames from the start of a file and would read others '
                f'than those from onset to offset: begin the pipeline with '
                f"dict(type='LoadMERFrames', max_frames=16) in place of mmaction's "
                f'samplers and decoders, or use them with a VideoDataset or '
                f'RawframeDataset of one file or folder per clip'
            )
