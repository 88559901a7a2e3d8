"""Check that mmaction's packer drops no motion stream.

``PackActionInputs`` packs ``imgs`` and drops all keys that are not listed in its
config, so that a recognizer would train on plain frames although its config computes
motion. The other packers of mmaction pack no frames.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mmaction.datasets.transforms import PackActionInputs

from ...utils.errors import MERDataError
from ...utils.host.wrapping import wrap_method
from .frame_rates import clip_of

# Stream and transform, by the key that the transform writes beside its stream.
_STREAMS = {
    'motion_geometry': ('motion', 'EulerianMagnification'),
    'rank_geometry': ('rank_image', 'RankPooling'),
}


def check_streams_packed(packer: PackActionInputs, results: Mapping) -> None:
    """Check that a packer packs every motion stream in the results.

    Raises:
        MERDataError: It does not.
    """
    packed = {*(packer.collect_keys or ()), *packer.algorithm_keys}
    for key, (stream, name) in _STREAMS.items():
        if key in results and stream not in packed:
            raise MERDataError(
                f'PackActionInputs would drop {stream!r}, which {name} has computed, '
                'and pack the plain frames',
                clip=clip_of(results),
                hint=f"set output='imgs' of {name}, its default, for a recognizer of "
                'frames; for an MPTRecognizer end the pipeline with PackMERInputs',
            )


def install_packing_check() -> None:
    """Let mmaction's packer check that it drops no motion stream."""

    def checked(transform: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: PackActionInputs, results: dict) -> Any:
            check_streams_packed(self, results)
            return transform(self, results)

        return call

    wrap_method(PackActionInputs, 'transform', checked)
