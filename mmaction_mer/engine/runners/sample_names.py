"""The check, before training, that samples carry the names of their clips."""

import copy

from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ...evaluation.predictions import NAMES
from ...utils.errors import ConfigError
from .fold_config import ALL_SUBJECTS, mer_dataset
from .seeding import preserve_rng_state

REMEDY = (
    f'add meta_keys={NAMES} to the packing transform, the last of '
    f'test_dataloader.dataset.pipeline'
)


def check_sample_names(cfg: Config) -> None:
    """Load one clip as testing does, and check that its sample has the clip's name.

    Args:
        cfg: The config of the protocol.

    Raises:
        ConfigError: Data set, subject, or clip is missing.
        MERDataError: The clip cannot be loaded.
    """
    loader = copy.deepcopy(cfg.test_dataloader)
    mer_dataset(loader, 'test_dataloader').update(
        ALL_SUBJECTS, test_mode=True, serialize_data=False
    )
    # This check must not change later random draws.
    scope = DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction'))
    with preserve_rng_state(), scope:
        packed = DATASETS.build(loader.dataset)[0]
    sample = packed.get('data_samples') if isinstance(packed, dict) else None
    # For samples of other classes the predictions are checked.
    if sample is None or not hasattr(sample, 'metainfo_keys'):
        return
    if missing := [name for name in NAMES if name not in sample]:
        raise ConfigError(
            f'samples have no {", ".join(missing)}, so that predictions could not be '
            f'assigned to subjects',
            field='test_dataloader',
            hint=REMEDY,
        )
