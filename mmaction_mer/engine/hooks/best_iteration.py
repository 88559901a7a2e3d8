"""Selection of the iteration with the best validation score."""

from typing import Any

from mmengine.hooks import Hook

from ...models.utils.slim_checkpoint import slim_state_dict
from ...utils.errors import MERRunError


class BestIterationHook(Hook):
    """Keep the weights of the iteration with the best validation UF1.

    The first of equal ones is kept. The weights are part of the training state, so that
    a resumed run selects the same iteration.

    Attributes:
        best: ``value``, ``iteration``, and ``state_dict``; None before the first
            validation.
    """

    def __init__(self) -> None:
        self.best: dict[str, Any] | None = None

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Compare this validation with the best so far."""
        metrics = metrics or {}
        key = next((key for key in metrics if key.endswith('/uf1')), None)
        if key is None:
            raise MERRunError(f'validation gives no uf1, only {sorted(metrics)}')
        value = float(metrics[key])
        if self.best is None or value > self.best['value']:
            weights = slim_state_dict(runner.model)
            self.best = dict(value=value, iteration=runner.iter, state_dict=weights)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the best iteration to the training state."""
        checkpoint['best'] = self.best

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore the best iteration from the training state."""
        if runner._resume:
            self.best = checkpoint.get('best')
