"""The checkpoint with the best validation score, beside the rolling one."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop

from ...utils.errors import ConfigError

#: Scores of MERMetric; higher is better for all of them.
SCORES = ('uf1', 'uar', 'f1', 'accuracy')


class BestCheckpoint:
    """Keep ``best_<score>_<epoch or iter>_<number>.pth`` as mmengine does.

    Args:
        save_best: Validation score or scores, such as ``'mer/uf1'``; ``'auto'`` for
            the first one.
        rule: ``'greater'`` or ``'less'``, one for all scores or one for each. Defaults
            to None, and then the name of the score tells.

    Raises:
        ConfigError: mmengine rejects the scores, or cannot infer the rule.
    """

    def __init__(
        self,
        save_best: str | Sequence[str],
        rule: str | Sequence[str] | None = None,
    ) -> None:
        try:
            named = save_best if isinstance(save_best, str) else list(save_best)
            rules = rule if rule is None or isinstance(rule, str) else list(rule)
            self.keeper = CheckpointHook(
                by_epoch=False,
                save_last=False,
                save_best=named,
                rule=rules,
                greater_keys=[*CheckpointHook._default_greater_keys, *SCORES],
            )
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f'is {save_best!r} with rule={rule!r}: '
                f'{error.args[0] if error.args else error}',
                field='save_best',
                hint="give validation scores such as 'mer/uf1', and rule='greater' or "
                "'less'",
            ) from error

    def start(self, runner: Any) -> None:
        """Restore the best score of a resumed run."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            self.keeper.by_epoch, self.keeper.filename_tmpl = True, 'epoch_{}.pth'
        self.keeper.before_train(runner)

    def compare(self, runner: Any, metrics: Mapping[str, Any] | None) -> bool:
        """Save the model if it is the best so far, and remove the previous best.

        Returns:
            Whether it was saved.

        Raises:
            ConfigError: The validation does not return the score.
        """
        metrics = dict(metrics or {})
        wanted = [key for key in self.keeper.key_indicators if key != 'auto']
        missing = [key for key in wanted if key not in metrics]
        if missing or not metrics:
            raise ConfigError(
                f'is {", ".join(missing) or "auto"}, but the validation returns '
                f'{", ".join(sorted(metrics)) or "no score"}',
                field='save_best',
            )
        before = self._best(runner)
        try:
            self.keeper.after_val_epoch(runner, metrics)
        except ValueError as error:
            raise ConfigError(
                f"is 'auto': {error}",
                field='save_best',
                hint="give rule='greater' or 'less'",
            ) from error
        return self._best(runner) != before

    def _best(self, runner: Any) -> dict[str, Any]:
        stored = runner.message_hub.runtime_info
        return {key: stored[key] for key in stored if key.startswith('best_')}


def check_save_best(cfg: Config) -> None:
    """Check that a protocol has no ``save_best``: it selects by ``loso.select``.

    Raises:
        ConfigError: The config has it.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('save_best') is not None:
        raise ConfigError(
            'is only for a training without a protocol',
            field='default_hooks.checkpoint.save_best',
            hint="loso.select='inner' (--select inner) keeps the best iteration of a "
            'fold, validated on subjects of the training set',
        )
