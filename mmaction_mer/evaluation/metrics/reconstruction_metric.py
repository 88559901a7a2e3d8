"""How well MA2MI reconstructs future frames, relative to copying the present frame."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Mean squared error of the future frames that :class:`MA2MI` reconstructs.

    ``error`` and ``copy_error`` (of I_t in place of I_(t+delta)) are in squared gray
    levels, averaged over pairs; ``error_ratio`` is error / copy_error: at 1 the model
    is no better than a copy. Both errors include the sensor noise of I_(t+delta),
    which cannot be predicted, so that 0 is out of reach.
    """

    default_prefix = 'ma2mi'

    def process(
        self, data_batch: Mapping[str, Any] | None, data_samples: Sequence[dict]
    ) -> None:
        """Store the errors of a batch of pairs."""
        self.results += [
            (sample['error'], sample['copy_error']) for sample in data_samples
        ]

    def compute_metrics(self, results: list[tuple[float, float]]) -> dict[str, float]:
        """Average the errors over pairs."""
        error, copied = (
            sum(column) / len(results) for column in zip(*results, strict=True)
        )
        # Frames without any change are copied without error.
        ratio = error / copied if copied else float('nan')
        return dict(error=error, copy_error=copied, error_ratio=ratio)
