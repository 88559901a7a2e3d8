"""mmaction's packer in front of what it would drop.

``PackActionInputs`` packs ``imgs`` and leaves out every key that it was not told of, so
that a recognizer would train on plain frames while its config says otherwise. Other
packers of mmaction pack no frames.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mmaction.datasets.transforms import PackActionInputs

from ...utils.errors import MERDataError
from ...utils.host.wrapping import wrap_method
from .frame_rates import clip_of

# What a transform writes beside its stream, and the stream's name.
_STREAMS = {
    'motion_geometry': ('motion', 'EulerianMagnification'),
    'rank_geometry': ('rank_image', 'RankPooling'),
}


def check_streams_kept(packer: PackActionInputs, results: Mapping) -> None:
    """See that a packer packs every motion stream that the results hold.

    Raises:
        MERDataError: It does not; the message names the clip and the setting.
    """
    packed = {*(packer.collect_keys or ()), *packer.algorithm_keys}
    for mark, (stream, name) in _STREAMS.items():
        if mark in results and stream not in packed:
            raise MERDataError(
                f'clip {clip_of(results)}: PackActionInputs would drop {stream!r}, '
                f'which {name} has computed, and pack the plain frames: give {name} '
                f"output='imgs', its default, for a recognizer of frames; for an "
                f'MPTRecognizer end the pipeline with PackMERInputs'
            )


def watch_packing() -> None:
    """Check in mmaction's packer that it drops no motion stream."""

    def checked(transform: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: PackActionInputs, results: dict) -> Any:
            check_streams_kept(self, results)
            return transform(self, results)

        return call

    wrap_method(PackActionInputs, 'transform', checked)
