"""Build the pipeline of a dataset, independent of the default scope."""

from collections.abc import Callable, Sequence

from mmaction.datasets import transforms as host
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from ..utils.errors import MERDataError

# Readers of mmaction, which count frames of a whole file, not of a clip within it.
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

    A name without a prefix is looked up in mmaction's registry, which contains the
    transforms of this package, and then in mmcv's, whatever the default scope is. The
    transforms of other libraries need their prefix, such as ``mmpretrain.RandomCrop``.

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
    """Check that no sampler or decoder of mmaction reads an annotation of clips.

    They count from the start of a file and ignore the onset, and ``RawFrameDecode``
    adds the row's ``offset``, here the number of the last frame, to each number.

    Args:
        transforms: Built transforms.
        source: The annotation file, for the message.

    Raises:
        MERDataError: One of them is in the pipeline.
    """
    for transform in transforms:
        if isinstance(transform, _READERS):
            raise MERDataError(
                f'the pipeline contains {type(transform).__name__} of mmaction, which '
                'counts frames from the start of a file and would not read those from '
                'onset to offset',
                path=source,
                field='pipeline',
                hint="begin the pipeline with dict(type='LoadMERFrames', "
                "max_frames=16) in place of mmaction's samplers and decoders, or use "
                'them with a VideoDataset or RawframeDataset of one file or folder '
                'per clip',
            )
