"""Seeding of the model's random stream, iteration by iteration."""

from mmengine.hooks import Hook

from ..runners.seeding import seed_model_stream


class ModelStreamHook(Hook):
    """Seed the model's random stream at every iteration, see ``runners/seeding.py``.

    Args:
        seed: Seed of the run.
    """

    priority = 'LOWEST'

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Seed the streams with the number of the iteration."""
        seed_model_stream(self.seed, runner.iter)
