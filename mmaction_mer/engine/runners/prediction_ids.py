"""That predictions will name their clips, seen before anything is trained."""

import copy

from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ...evaluation.predictions import (
    NAMES,
    clip_key,
    compare_with_clips,
    read_predictions,
)
from ...utils.errors import ConfigError
from ..work_dir.fold_folder import FoldFolder
from ..work_dir.run_clips import digest_of
from ..work_dir.stored_plan import sound_run, stored_clips
from .fold_config import EVERYBODY, mer_dataset
from .seeding import preserve_rng_state

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
        EVERYBODY, test_mode=True, serialize_data=False
    )
    # Looking must not change what is drawn later.
    scope = DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction'))
    with preserve_rng_state(), scope:
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
    """See that a fold's predictions are of the subjects held out, and of each clip.

    Args:
        folder: The folder of the fold.
        held_out: Its subjects.

    Raises:
        ConfigError: A prediction names another subject or none, a clip is missing, or
            one has another label.
        MERDataError: The predictions cannot be read.
    """
    lines = read_predictions(folder.predictions)
    found = {line['subject'] for line in lines}
    if other := sorted(found - set(held_out)):
        raise ConfigError(
            f'{folder.predictions}: predictions of subject(s) {", ".join(other)}, but '
            f'those held out are {", ".join(held_out)}; {REMEDY}'
        )
    expected = folder.state().get('clips')
    if expected in (None, digest_of({clip_key(one): one['label'] for one in lines})):
        return
    clips = stored_clips(sound_run(folder.path.parent.parent), folder.name) or {}
    problems = compare_with_clips(lines, clips) if clips else []
    shown = ''.join(f'\n  {line}' for line in problems[:20])
    raise ConfigError(
        f'{folder.predictions}: test_dataloader did not give the clips and labels of '
        f'the annotation: see that no transform of its pipeline changes them, and that '
        f'its data set leaves none out{shown}'
    )
