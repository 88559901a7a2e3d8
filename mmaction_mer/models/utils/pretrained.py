"""Strict loading of pre-trained weights into backbones."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader, load_state_dict
from torch import Tensor, nn

from ...utils.errors import ConfigError, MERDataError
from ...utils.host import checkpoint_repairs
from .slim_checkpoint import KEY, check_frozen

PACKAGE_SCHEME = 'mmaction_mer://'
WEIGHTS_DIR = Path(__file__).parents[1] / 'weights'

# Before any use of CheckpointLoader, also if this package is not used by a registry.
checkpoint_repairs.apply()


class WeightsNotFoundError(ConfigError, FileNotFoundError):
    """Pre-trained weights do not exist or cannot be read."""


class WeightsMissingError(ConfigError, KeyError):
    """Pre-trained weights lack weights of the backbone."""


@CheckpointLoader.register_scheme(prefixes=PACKAGE_SCHEME)
def _load_from_package(filename: str, map_location: str | None = None) -> dict:
    name = filename.removeprefix(PACKAGE_SCHEME)
    if Path(name).name != name:
        raise FileNotFoundError(f'{filename}: not the name of a file in {WEIGHTS_DIR}')
    return CheckpointLoader.load_checkpoint(str(WEIGHTS_DIR / name), map_location)


def load_init_cfg(
    module: nn.Module, init_cfg: Mapping[str, Any], names: Collection[str] | None = None
) -> None:
    """Load the weights of an ``init_cfg``, see :func:`load_pretrained`.

    Args:
        module: The backbone.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix=...)``.
        names: See :func:`load_pretrained`. Defaults to None.

    Raises:
        ConfigError: ``init_cfg`` has no checkpoint or another type.
    """
    source = dict(init_cfg) if isinstance(init_cfg, Mapping) else {}
    if source.pop('type', 'Pretrained') != 'Pretrained' or 'checkpoint' not in source:
        raise ConfigError(
            f"must be dict(type='Pretrained', checkpoint=...) for "
            f'{type(module).__name__}, got {init_cfg}',
            field='init_cfg',
        )
    load_pretrained(module, **source, names=names)


def load_pretrained(
    module: nn.Module,
    checkpoint: str,
    prefix: str | None = None,
    names: Collection[str] | None = None,
) -> None:
    """Load the weights of a backbone from a path, a URL or this package.

    Args:
        module: The backbone.
        checkpoint: A path, a URL, or ``mmaction_mer://NAME`` for weights that ship
            with the package.
        prefix: Prefix of the keys to load, which is removed, e.g. ``'backbone'``.
            Defaults to None, which loads all keys.
        names: The weights of the module to load; the others are kept. If the
            checkpoint has a fingerprint of the frozen weights it was trained with,
            these must be those of the module. Defaults to None, which loads all.

    Raises:
        WeightsNotFoundError: The file does not exist or cannot be downloaded; the hint
            says where to put it.
        WeightsMissingError: The checkpoint lacks weights of the backbone.
        MERRunError: The weights were trained with other frozen weights, or the file
            cannot be read or contains code.
        MERDataError: Weights are not finite.
    """
    try:
        content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    except (URLError, OSError) as error:
        raise _not_found(checkpoint, error) from error
    found = content.get('state_dict', content) if isinstance(content, dict) else {}
    start = prefix.rstrip('.') + '.' if prefix else ''
    state = {
        key.removeprefix(start): value
        for key, value in (found.items() if isinstance(found, dict) else ())
        if isinstance(key, str) and key.startswith(start) and isinstance(value, Tensor)
    }
    wanted = module.state_dict().keys() if names is None else names
    missing = [key for key in wanted if key not in state]
    if missing:
        raise WeightsMissingError(
            f'{len(missing)} of {len(wanted)} weights are missing (prefix={prefix!r}), '
            f'first {missing[:3]}',
            path=checkpoint,
            hint='check the prefix and the arch',
        )
    if names is not None and KEY in state:
        check_frozen(module, state[KEY], checkpoint)
    state = {key: state[key].float() for key in wanted}
    broken = [key for key, value in state.items() if not value.isfinite().all()]
    if broken:
        raise MERDataError(f'weights are not finite in {broken[:3]}', path=checkpoint)
    load_state_dict(module, state, strict=names is None)
    print_log(f'{checkpoint}: {len(wanted)} weights loaded', logger='current')


def _not_found(checkpoint: str, error: Exception) -> WeightsNotFoundError:
    if '://' not in checkpoint or checkpoint.startswith(PACKAGE_SCHEME):
        return WeightsNotFoundError(
            f'pre-trained weights cannot be read ({error})',
            path=checkpoint,
            hint='check init_cfg.checkpoint of the backbone; docs/backbones.md '
            'describes how tools/convert_weights.py creates those of CLIP and FaRL, '
            'docs/ma2mi.md how the configs ma2mi_* create those in work_dirs/ma2mi_*',
        )
    name = checkpoint.rsplit('/', 1)[-1]
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    return WeightsNotFoundError(
        f'pre-trained weights could not be downloaded ({error})',
        path=checkpoint,
        hint=f'without a network, download {name} elsewhere and put it at '
        f'{folder / name}, or set init_cfg.checkpoint of the backbone to its path',
    )
