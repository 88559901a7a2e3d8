"""The checkpoint that validates best, beside the rolling one."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop

from ...utils.errors import ConfigError

#: Scores of MERMetric, which are better when they are higher.
SCORES = ('uf1', 'uar', 'f1', 'accuracy')


class BestCheckpoint:
    """Keep ``best_<score>_<epoch or iter>_<number>.pth`` as mmengine does.

    Args:
        save_best: Score or scores of the validation, such as ``'mer/uf1'``; ``'auto'``
            for the first one.
        rule: ``'greater'`` or ``'less'``, one for all or one for each; by default what
            the name of the score says.

    Raises:
        ConfigError: mmengine takes no such scores, or cannot tell the rule.
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
                f'SlimCheckpointHook: save_best={save_best!r} with rule={rule!r}: '
                f'{error.args[0] if error.args else error}; name scores of the '
                f"validation such as 'mer/uf1', and rule='greater' or 'less'"
            ) from error

    def start(self, runner: Any) -> None:
        """Take up the best so far of the run that goes on."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            self.keeper.by_epoch, self.keeper.filename_tmpl = True, 'epoch_{}.pth'
        self.keeper.before_train(runner)

    def compare(self, runner: Any, metrics: Mapping[str, Any] | None) -> bool:
        """Save the model where it is the best so far, and remove the best before.

        Returns:
            Whether it was.

        Raises:
            ConfigError: The validation does not give the score.
        """
        metrics = dict(metrics or {})
        wanted = [key for key in self.keeper.key_indicators if key != 'auto']
        missing = [key for key in wanted if key not in metrics]
        if missing or not metrics:
            raise ConfigError(
                f'SlimCheckpointHook: save_best names {", ".join(missing) or "auto"}, '
                f'but the validation gives {", ".join(sorted(metrics)) or "no score"}'
            )
        before = self._best(runner)
        try:
            self.keeper.after_val_epoch(runner, metrics)
        except ValueError as error:
            raise ConfigError(
                f"SlimCheckpointHook: save_best='auto': {error}; give rule='greater' "
                f"or 'less'"
            ) from error
        return self._best(runner) != before

    def _best(self, runner: Any) -> dict[str, Any]:
        told = runner.message_hub.runtime_info
        return {key: told[key] for key in told if key.startswith('best_')}


def check_save_best(cfg: Config) -> None:
    """Refuse ``save_best`` in a protocol, which chooses by ``loso.select``.

    Raises:
        ConfigError: The config has one.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('save_best') is not None:
        raise ConfigError(
            'default_hooks.checkpoint.save_best is for a training without a protocol: '
            "a fold's best iteration is kept by loso.select='inner', which validates "
            'on subjects of the training set (--select inner)'
        )
