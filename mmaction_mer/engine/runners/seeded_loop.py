"""mmengine's iteration-based training loop with seeded draws."""

from typing import Any

from mmaction.registry import LOOPS
from mmengine.dist import get_dist_info
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from ...utils.errors import MERRunError
from .seeding import seed_draws, seed_model_stream


@LOOPS.register_module()
class SeededTrainLoop(IterBasedTrainLoop):
    """An exactly repeatable ``IterBasedTrainLoop`` for mmengine's own ``Runner``.

    Every clip is drawn under the seed of its place in the global batch, so that one
    process, two ranks with half the batch each, and any number of workers draw the
    same. A resumed run continues with the next draw; earlier ones are counted, but not
    loaded. The model's own stream is seeded at every iteration, alike on every rank.
    Use it with ``InfiniteSampler``.

    Args:
        runner: mmengine's runner.
        dataloader: The loader, or its config.
        max_iters: Number of iterations.
        **kwargs: As in ``IterBasedTrainLoop``.

    Raises:
        MERRunError: Ranks have different seeds, and so would not share the clips.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        **kwargs: Any,
    ) -> None:
        if runner.cfg.get('randomness', {}).get('diff_rank_seed'):
            raise MERRunError(
                'SeededTrainLoop draws clips by their place in the global batch',
                field='randomness.diff_rank_seed',
                hint='leave it out (--diff-rank-seed)',
            )
        if isinstance(dataloader, dict):
            dataloader = runner.build_dataloader(dataloader, seed=runner.seed)
        loader = seed_draws(dataloader, runner.seed, True, *get_dist_info())
        super().__init__(runner, loader, max_iters, **kwargs)

    def run(self) -> Any:
        """Train; clips of iterations before a resume are not loaded again."""
        self.dataloader.batch_sampler.skip_before = self._iter
        return super().run()

    def run_iter(self, data_batch: Any) -> None:
        """Train one batch under the seed of its number."""
        seed_model_stream(self.runner.seed, self._iter)
        super().run_iter(data_batch)
