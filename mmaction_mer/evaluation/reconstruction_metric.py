"""How well future frames are made, against the frame that they are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Mean squared error of the future frames that :class:`MA2MI` makes.

    ``error`` and ``copy_error`` (of I_t in the place of I_(t+delta)) are in squared
    grey levels, averaged over pairs; ``of_copy`` is their ratio: 1 is no better than
    having learnt nothing. Both hold the camera's noise of I_(t+delta), which nothing
    predicts, so that 0 is out of reach.
    """

    default_prefix = 'ma2mi'

    def process(
        self, data_batch: Mapping[str, Any] | None, data_samples: Sequence[dict]
    ) -> None:
        """Take up the errors of a batch of pairs."""
        self.results += [
            (sample['error'], sample['copy_error']) for sample in data_samples
        ]

    def compute_metrics(self, results: list[tuple[float, float]]) -> dict[str, float]:
        """Average over pairs."""
        error, copied = (
            sum(column) / len(results) for column in zip(*results, strict=True)
        )
        # Frames without any change are copied without error.
        ratio = error / copied if copied else float('nan')
        return dict(error=error, copy_error=copied, of_copy=ratio)
