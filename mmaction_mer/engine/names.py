"""That predictions will name their clips, seen before anything is trained."""

import copy

from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..evaluation.predictions import NAMES, read_predictions
from .draws import streams_kept
from .errors import ConfigError
from .fold_config import mer_dataset
from .fold_folder import FoldFolder

REMEDY = (
    f'predictions could not be told apart by subject: add meta_keys={NAMES} to the '
    f'packing transform, the last of test_dataloader.dataset.pipeline'
)


def check_names(cfg: Config) -> None:
    """Load one clip as testing does and see that its sample says which one it is.

    Args:
        cfg: The config of the protocol.

    Raises:
        ConfigError: Dataset, subject or clip is missing.
        MERDataError: The clip cannot be loaded.
    """
    loader = copy.deepcopy(cfg.test_dataloader)
    mer_dataset(loader, 'test_dataloader').update(
        side='all', test_mode=True, serialize_data=False
    )
    # Looking must not change what is drawn later.
    scope = DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction'))
    with streams_kept(), scope:
        packed = DATASETS.build(loader.dataset)[0]
    sample = packed.get('data_samples') if isinstance(packed, dict) else None
    # Of samples of another kind the predictions themselves tell.
    if sample is None or not hasattr(sample, 'metainfo_keys'):
        return
    if missing := [name for name in NAMES if name not in sample]:
        raise ConfigError(
            f'test_dataloader gives samples without {", ".join(missing)}: {REMEDY}'
        )


def check_predictions(folder: FoldFolder, held_out: list[str]) -> None:
    """See that a fold's predictions are of the subjects held out.

    Args:
        folder: The folder of the fold.
        held_out: Its subjects.

    Raises:
        ConfigError: A prediction names another subject, or none.
        MERDataError: The predictions cannot be read.
    """
    found = {line['subject'] for line in read_predictions(folder.predictions)}
    if other := sorted(found - set(held_out)):
        raise ConfigError(
            f'{folder.predictions}: predictions of subject(s) {", ".join(other)}, but '
            f'those held out are {", ".join(held_out)}; {REMEDY}'
        )
